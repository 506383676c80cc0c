import { describe, expect, it } from "vitest";
import { lint } from "../../../src/cli/lint/lint.js";
import { RULES } from "../../../src/cli/lint/rules/index.js";
import { FIXTURES, fixture, found, markedLines, PROJECT, ruleOf, seen } from "./fixtures.js";

it("has fixtures for every rule, and no others", () => {
  expect(RULES.map(({ id }) => id).sort()).toEqual([...FIXTURES].sort());
});

describe.each(FIXTURES)("%s", (id) => {
  it("finds what is marked, and nothing else", () => {
    const text = fixture(id, "unsafe");
    const marked = markedLines(text);
    expect(marked.length).toBeGreaterThan(1);
    expect([...new Set(found(text, [ruleOf(id)]))]).toEqual(marked.map((line) => `${id}:${line}`));
  });

  it("leaves alone what is safe", () => {
    expect(found(fixture(id, "safe"), [ruleOf(id)])).toEqual([]);
  });

  it("says what, why and what to do", () => {
    const rule = ruleOf(id);
    expect(rule.title).not.toBe("");
    expect(rule.why).toMatch(/\.$/);
    expect(rule.fix).toMatch(/\.$/);
  });
});

it("finds in shapes of public code what is wrong there, and nothing else", () => {
  const { text, expected } = seen();
  expect(expected.length).toBeGreaterThan(10);
  expect(found(text)).toEqual(expected);
});

it.each(["a.ts", "a.tsx", "a.mts", "a.cts", "a.js", "a.jsx", "a.mjs", "a.cjs"])("reads %s", (path) => {
  const text = "await prisma.account.update({ where: { id }, data: { credits: { increment: 1 } } });";
  const page = /\.(tsx|jsx|.?js)$/.test(path) ? `${text}\nexport const page = <div>one</div>;` : text;
  const { findings, unparsed } = lint([...PROJECT, { path, text: page }]);
  expect(unparsed).toEqual([]);
  expect(findings.map(({ rule }) => rule)).toEqual(["increment-without-operation"]);
});

describe("the facts of a project", () => {
  const upsert = "prisma.account.upsert({ where: { email }, update: { credits: 1 }, create: { email } });";
  const caught = fixture("unique-violation-in-transaction", "unsafe");
  const on = (provider: string) =>
    PROJECT.map((file) => ({ ...file, text: file.text.replace('"postgresql"', `"${provider}"`) }));

  it("tell that MySQL has no native upsert", () => {
    expect(found(upsert)).toEqual([]);
    expect(found(upsert, RULES, on("mysql"))).toEqual(["racy-upsert:1"]);
    expect(found(upsert, RULES, on("sqlite"))).toEqual([]);
  });

  it("tell that only PostgreSQL ends a transaction by a violation", () => {
    const rules = RULES.filter(({ id }) => id === "unique-violation-in-transaction");
    expect(found(caught, rules)).toHaveLength(3);
    expect(found(caught, rules, on("mysql"))).toEqual([]);
  });

  it("take the engine from TypeORM's options too", () => {
    const rules = RULES.filter(({ id }) => id === "unique-violation-in-transaction");
    const options = (type: string) => [
      { path: "src/source.ts", text: `new DataSource({ type: "${type}", entities: [] });` },
    ];
    expect(found(caught, rules, options("postgres"))).toHaveLength(3);
    expect(found(caught, rules, options("mariadb"))).toEqual([]);
  });

  it("know a Prisma client by its name where there is no schema", () => {
    const text = "await prisma.account.update({ where: { id }, data: { n: { increment: 1 } } });";
    expect(found(text, RULES, [])).toEqual(["increment-without-operation:1"]);
    expect(found(text.replace("prisma", "store"), RULES, [])).toEqual([]);
  });

  it("are read from an EntitySchema too", () => {
    const text = [
      'const Wallet = new EntitySchema({ name: "Wallet", columns: { id: { primary: true }, v: { version: true } } });',
      "dataSource.getRepository(Wallet).save(await load());",
    ].join("\n");
    expect(found(text, RULES, [])).toEqual(["save-on-versioned:2"]);
  });

  it("find work in functions of other files, and of functions that these call", () => {
    const add = "await tx.account.update({ where: { id }, data: { credits: { increment: 1 } } });";
    const helper = `export async function add(tx, id) {\n  ${add}\n}\nexport const twice = async (tx) => {\n  await add(tx, 1);\n};`;
    const other = (text: string) => [...PROJECT, { path: "src/caller.ts", text }];
    expect(found(helper)).toEqual(["increment-without-operation:2"]);
    const work = "prisma.$once(op, async (tx) => helpers.twice(tx));";
    expect(found(helper, RULES, other(work))).toEqual([]);
    // Called from elsewhere too, it is not only part of a work.
    expect(found(helper, RULES, other(`${work}\nawait add(prisma, 1);`))).toEqual([
      "increment-without-operation:2",
    ]);
  });
});
