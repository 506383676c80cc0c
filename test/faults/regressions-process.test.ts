import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tallyOf } from "./figures.js";
import { type Lab, openLab } from "./lab.js";

tallyOf("regressions-process");
let lab: Lab;
beforeAll(async () => {
  lab = await openLab();
});
afterAll(() => lab?.close());

/** Runs one of this folder's programs. @returns what it printed, and how it ended */
function program(name: string, ...parameters: string[]): Promise<{ output: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const file = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));
    const child = fork(file, parameters, { execArgv: ["--import", "tsx"], silent: true });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ output: output.trim(), code }));
  });
}

it("a server that throws a client out right after its login does not end the process", async () => {
  expect(await program("fatal-login")).toEqual({ output: "OPLEDGER_ROLLED_BACK", code: 0 });
});

it("two calls at once that find one idle connection end in time, and do not end the process", async () => {
  expect(await program("idle-race", lab.url)).toEqual({ output: "OPLEDGER_ROLLED_BACK", code: 0 });
});
