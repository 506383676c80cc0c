import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { complete, expired } from "./complete.js";
import { availableEngines, openDatabase } from "./database.js";
import { newProject, type Project } from "./project.js";
import { answer } from "./run.js";
import { hasTerminal, KEYS, onTerminal } from "./terminal.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function project(): Project {
  const made = newProject({ "package.json": '{ "dependencies": { "pg": "8.0.0" } }' });
  cleanups.push(() => made.remove());
  return made;
}

if (!hasTerminal) console.error("LEFT OUT: what is seen on a terminal; it takes script of util-linux");

describe.skipIf(!hasTerminal)("init on a terminal", () => {
  it.each(["n", KEYS.controlC])("writes nothing where the answer is %j", async (keys) => {
    const { folder, files } = project();
    const { exitCode, screen } = await onTerminal(["init"], { cwd: folder, typed: [[/Write .*\?/s, keys]] });
    expect(exitCode).toBe(1);
    expect(screen).toMatch(/Found no ORM on postgres \(package\.json\)\. Write/);
    expect(screen).toMatch(/\nNothing was written\.\n$/);
    expect(files()).toEqual(["package.json"]);
  });

  it("writes where the answer is yes, asks no second time, and shows colours", async () => {
    const { folder, files } = project();
    const first = await onTerminal(["init"], { cwd: folder, typed: [[/Write .*\?/s, KEYS.enter]] });
    expect(first.exitCode).toBe(0);
    expect(first.screen).toMatch(/✔ wrote migrations\/\d{14}_opledger_operations_v1\.up\.sql/);
    expect(first.raw).toContain("\u001b[32m✔");
    expect(files()).toHaveLength(3);
    const second = await onTerminal(["init"], { cwd: folder });
    expect([second.exitCode, second.screen]).toEqual([0, expect.stringMatching(/nothing to write/)]);
  });

  it("asks beside standard output, so that JSON in a file is JSON, and not at all with --yes or in CI", async () => {
    const { folder } = project();
    const out = join(folder, "out.json");
    const read = () => JSON.parse(readFileSync(out, "utf8")) as { written: string[] };
    await onTerminal(["init", "--json"], { cwd: folder, out, typed: [[/Write .*\?/s, KEYS.enter]] });
    expect(read().written).toHaveLength(2);
    const other = ["init", "--yes", "--out", "other", "--json"];
    expect(await onTerminal(other, { cwd: folder, out })).toMatchObject({ exitCode: 0, screen: "" });
    expect(read().written).toHaveLength(2);
    const third = ["init", "--out", "third", "--json"];
    expect(await onTerminal(third, { cwd: folder, out, env: { CI: "1" } })).toMatchObject({
      exitCode: 0,
      screen: "",
    });
    expect(read().written).toHaveLength(2);
  });
});

describe.skipIf(!hasTerminal).each(availableEngines())("the ledger on %s, on a terminal", (engine) => {
  it("sweep shows how far it is, forget asks first", async () => {
    const database = await openDatabase(engine);
    cleanups.push(() => database.drop());
    const url = ["--url", database.url];
    await answer(["migrate", ...url]);
    for (let n = 0; n < 5; n++) await complete(database, expired("old"), n);
    const swept = await onTerminal(["sweep", "--batch", "2", ...url]);
    expect(swept.exitCode).toBe(0);
    expect(swept.screen).toMatch(/░ 0% 0\/5 swept/);
    expect(swept.screen).toMatch(/█ 100% 5\/5 swept/);
    expect(swept.screen).toMatch(/\n✔ removed 5 expired operations from \S+ \(3 batches, .*\/s\)\n/);
    await complete(database, { scope: "acme", operation: "charge", key: "1" }, "secret");
    const forget = ["forget", "--scope", "acme", ...url];
    const kept = await onTerminal(forget, { typed: [[/cannot be undone\./, KEYS.enter]] });
    expect([kept.exitCode, kept.screen]).toEqual([1, expect.stringMatching(/\nNothing was erased\.\n$/)]);
    const see = ["show", "acme", "charge", "1", "--value", ...url];
    expect(await answer(see)).toMatchObject({ value: "secret" });
    const erased = await onTerminal(forget, { typed: [[/cannot be undone\./, "y"]] });
    expect(erased.screen).toMatch(/✔ erased 1 result of acme in \S*opledger_operations\n/);
    expect(await answer(see)).toMatchObject({ erased: true });
  });
});
