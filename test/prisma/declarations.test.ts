import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(join(ROOT, ".cache"), { recursive: true });
const folder = mkdtempSync(join(ROOT, ".cache/declarations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLIENT = `import { PrismaClient } from "../../prisma/generated/postgresql/client/client.js";
import { metadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { opledger } from "../../src/adapters/prisma/index.js";
export const prisma = new PrismaClient({} as never).$extends(opledger({ metadata }));
export const top = () => prisma.$operation({ operation: "o", key: "k" }).account.update({
  where: { id: 1 }, data: { balance: { increment: 1 } }, select: { balance: true },
});
`;

/** Every line below is right, or wrong in the way that its comment says, of a library that ships only declarations. */
const USER = `import { prisma, top } from "./client.js";
export async function use(): Promise<number> {
  const { value } = await top();
  // @ts-expect-error not selected
  value.owner;
  const once = prisma.$operation({ operation: "o", key: "k" });
  const made = await once.charge.create({ data: { accountId: 1, amount: 1 }, select: { note: true } });
  const note: string | null = made.value.note;
  // @ts-expect-error not selected
  made.value.amount;
  // @ts-expect-error no such field
  await once.account.update({ where: { id: 1 }, data: { balnce: 1 } });
  const counted = await prisma.$once({ operation: "o", key: "k" }, (tx) => tx.account.count());
  return value.balance + counted.value + (note ?? "").length;
}
`;

function compile(file: string, ...options: string[]): Promise<string> {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const config = { extends: "../../tsconfig.json", include: [file] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  return promisify(execFile)(process.execPath, [tsc, "-p", folder, ...options]).then(
    () => "",
    (error: { stdout: string }) => error.stdout,
  );
}

it("the client's types survive in declarations", async () => {
  writeFileSync(join(folder, "client.ts"), CLIENT);
  const emit = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", ROOT];
  const out = join(folder, "out");
  expect(await compile("client.ts", ...emit, "--outDir", out)).toBe("");
  const emitted = readFileSync(join(out, folder.slice(ROOT.length), "client.d.ts"), "utf8");
  expect(emitted).toContain("balance: number");
  rmSync(join(folder, "client.ts"));
  // Where the declaration would lie beside its module: its own imports point from there.
  writeFileSync(join(folder, "client.d.ts"), emitted);
  writeFileSync(join(folder, "user.ts"), USER);
  expect(await compile("user.ts")).toBe("");
});
