import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type Cruised, cruiseApart, cruiseOwnSources, cruiseSources, MODULES_MIN, RULES } from "./cruise.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, ".cache");
mkdirSync(CACHE, { recursive: true });
const planted = mkdtempSync(join(CACHE, "imports-"));
afterAll(() => rmSync(planted, { recursive: true, force: true }));

let count = 0;

/** Checks a project of the given files, each of which is one import or more. */
function check(files: Readonly<Record<string, string>>): Promise<Cruised> {
  const folder = join(planted, String(++count));
  const manifest = {
    name: "planted",
    type: "module",
    dependencies: { canonicalize: "*", commander: "*" },
    devDependencies: { vitest: "*" },
  };
  const all = { "package.json": JSON.stringify(manifest), ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return cruiseSources(folder);
}

const LEAF = "export const x = 1;\nexport interface X { x: number }\n";
const values = (path: string): string => `import { x } from "${path}";\nexport const y = x;\n`;
const types = (path: string): string => `import type { X } from "${path}";\nexport type Y = X;\n`;

/** An import that the table of the architecture forbids, by the rule that must say so. */
const FORBIDDEN: readonly (readonly [rule: string, from: string, to: string, specifier: string])[] = [
  ["core-imports", "src/core/a.ts", "src/dialects/b.ts", "../dialects/b.js"],
  ["core-imports", "src/core/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["core-imports", "src/core/deep/a.ts", "src/migrations/b.ts", "../../migrations/b.js"],
  ["dialects-imports", "src/dialects/postgres/a.ts", "src/adapters/pg/b.ts", "../../adapters/pg/b.js"],
  ["dialects-imports", "src/dialects/postgres/a.ts", "src/migrations/b.ts", "../../migrations/b.js"],
  ["adapters-imports", "src/adapters/pg/a.ts", "src/adapters/mysql2/b.ts", "../mysql2/b.js"],
  ["adapters-imports", "src/adapters/pg/a.ts", "src/adapters/pg2/b.ts", "../pg2/b.js"],
  ["adapters-imports", "src/adapters/pg/a.ts", "src/steps/b.ts", "../../steps/b.js"],
  ["typeorm-adapters", "src/adapters/typeorm/a.ts", "src/adapters/prisma/b.ts", "../prisma/b.js"],
  ["typeorm-adapters", "src/adapters/typeorm/a.ts", "src/steps/b.ts", "../../steps/b.js"],
  ["adapters-imports", "src/adapters/pg/a.ts", "src/adapters/typeorm/b.ts", "../typeorm/b.js"],
  ["steps-imports", "src/steps/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["steps-imports", "src/steps/a.ts", "src/dialects/b.ts", "../dialects/b.js"],
  ["http-imports", "src/http/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["inbox-imports", "src/inbox/a.ts", "src/outbox/b.ts", "../outbox/b.js"],
  ["outbox-imports", "src/outbox/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["saga-imports", "src/saga/a.ts", "src/outbox/b.ts", "../outbox/b.js"],
  ["saga-imports", "src/saga/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["migrations-imports", "src/migrations/a.ts", "src/adapters/pg/b.ts", "../adapters/pg/b.js"],
  ["testing-imports", "src/testing/a.ts", "src/dialects/b.ts", "../dialects/b.js"],
  ["index-imports", "src/index.ts", "src/adapters/pg/b.ts", "./adapters/pg/b.js"],
  ["nobody-imports-cli", "src/other/a.ts", "src/cli/b.ts", "../cli/b.js"],
  ["nobody-imports-index", "src/cli/a.ts", "src/index.ts", "../index.js"],
  ["src-stands-alone", "src/cli/a.ts", "test/b.ts", "../../test/b.js"],
  ["src-stands-alone", "src/core/a.ts", "dist/b.ts", "../../dist/b.js"],
];

describe("a planted import is reported by its rule and no other", () => {
  describe.each(FORBIDDEN)("%s: %s → %s", (rule, from, to, specifier) => {
    it.each([
      ["values", values(specifier)],
      ["types", types(specifier)],
      ["again exported", `export * from "${specifier}";\n`],
      ["imported dynamically", `export const y = import("${specifier}");\n`],
    ])("%s", async (_, text) => {
      const { violations } = await check({ [from]: text, [to]: LEAF });
      expect(violations).toEqual([{ rule, from, to }]);
    });
  });

  it.each([
    ["values", values],
    ["types", types],
  ])("no-cycles: %s", async (_, text) => {
    const files = {
      "src/core/a.ts": text("./b.js"),
      "src/core/b.ts": text("./c.js"),
      "src/core/c.ts": text("./a.js"),
    };
    const { violations } = await check(files);
    expect(new Set(violations.map(({ rule }) => rule))).toEqual(new Set(["no-cycles"]));
    // The tool says where a cycle is entered, once for each.
    expect(Object.keys(files)).toContain(violations[0]?.from);
  });

  it("no-cycles: a cycle of types alone, the other way of values", async () => {
    const { violations } = await check({
      "src/core/a.ts": values("./b.js"),
      "src/core/b.ts": `${types("./a.js")}${LEAF}`,
    });
    expect(new Set(violations.map(({ rule }) => rule))).toEqual(new Set(["no-cycles"]));
  });

  it.each([
    ["a dev dependency", values("vitest")],
    ["the types of a dev dependency", types("vitest")],
    ["an undeclared package", values("pg")],
  ])("only-declared-packages: %s", async (_, text) => {
    const { violations } = await check({ "src/core/a.ts": text });
    expect(violations.map(({ rule }) => rule)).toEqual(["only-declared-packages"]);
  });

  it.each([
    ["a package of Prisma's that is not the client", values("@prisma/engines")],
    ["the types of one", types("@prisma/driver-adapter-utils")],
  ])("prisma-imports: %s", async (_, text) => {
    const { violations } = await check({ "src/adapters/prisma/a.ts": text });
    expect(violations.map(({ rule }) => rule)).toEqual(["prisma-imports"]);
  });

  it("prisma-imports: the client is the extension's, and nobody else's", async () => {
    const text = values("@prisma/client/extension");
    const files = { "src/adapters/prisma/a.ts": text, "src/adapters/pg/a.ts": text };
    const { violations } = await check(files);
    expect(violations.map(({ rule, from }) => [rule, from])).toEqual([
      ["only-declared-packages", "src/adapters/pg/a.ts"],
    ]);
  });

  it.each([
    ["typeorm-imports", "src/adapters/typeorm/a.ts", "@nestjs/common"],
    ["typeorm-imports", "src/adapters/typeorm/a.ts", "pg"],
    ["nest-imports", "src/adapters/typeorm/nest/a.ts", "@nestjs/core"],
  ])("%s: %s → %s", async (rule, from, specifier) => {
    const { violations } = await check({ [from]: values(specifier) });
    expect(violations.map((each) => each.rule)).toEqual([rule]);
  });

  it("terminal-only-in-cli", async () => {
    const text = `import { Command } from "commander";\nexport { Command };\n`;
    const { violations } = await check({ "src/core/a.ts": text, "src/cli/a.ts": text });
    expect(violations.map(({ rule, from }) => [rule, from])).toEqual([
      ["terminal-only-in-cli", "src/core/a.ts"],
    ]);
  });

  it("resolvable", async () => {
    const { violations } = await check({ "src/core/a.ts": values("./missing.js") });
    expect(violations).toEqual([{ rule: "resolvable", from: "src/core/a.ts", to: "./missing.js" }]);
  });

  it("has a case for every rule, and every rule has its reason", () => {
    const proven = new Set([
      ...FORBIDDEN.map(([rule]) => rule),
      "no-cycles",
      "only-declared-packages",
      "prisma-imports",
      "typeorm-imports",
      "nest-imports",
      "terminal-only-in-cli",
      "resolvable",
    ]);
    expect([...proven].sort()).toEqual(RULES.map(({ name }) => name).sort());
    for (const { name, comment } of RULES) expect(`${name}: ${comment}`).toMatch(/: .{40,}\.$/);
  });
});

it("lets through every import that the table allows", async () => {
  const { violations, dependencies } = await check({
    "src/core/a.ts": `${values("./b.js")}export * from "node:crypto";\nimport canonicalize from "canonicalize";\nexport { canonicalize };\n`,
    "src/core/b.ts": LEAF,
    "src/dialects/a.ts": values("../core/b.js"),
    "src/adapters/pg/a.ts": `export * from "./b.js";\nexport * from "../../core/b.js";\nexport * from "../../dialects/a.js";\n`,
    "src/adapters/pg/b.ts": LEAF,
    "src/steps/a.ts": `${values("../core/b.js")}${LEAF}`,
    "src/saga/a.ts": `export * from "../steps/a.js";\nexport * from "../core/b.js";\n`,
    "src/migrations/a.ts": `export * from "../dialects/a.js";\nexport * from "../core/b.js";\n`,
    "src/testing/a.ts": values("../core/b.js"),
    "src/index.ts": values("./core/b.js"),
    "src/cli/a.ts": `export * from "../adapters/pg/a.js";\nexport * from "../saga/a.js";\nexport * from "../migrations/a.js";\n`,
  });
  expect(violations).toEqual([]);
  expect(dependencies).toBeGreaterThan(15);
});

it("says the same in a process of its own, which is how `npm run imports` runs it", async () => {
  const found = await check({ "src/core/a.ts": types("../http/b.js"), "src/http/b.ts": LEAF });
  expect(found.violations.length).toBe(1);
  expect(await cruiseApart(join(planted, String(count)))).toEqual(found);
});

it("the sources keep to the rules", async () => {
  const { modules, violations } = await cruiseOwnSources();
  expect(violations).toEqual([]);
  expect(modules.length).toBeGreaterThanOrEqual(MODULES_MIN);
});
