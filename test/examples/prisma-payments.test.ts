import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLE = "examples/prisma-payments";

test("the example prints what its README shows", { timeout: 180_000 }, async () => {
  const [, wanted] =
    /^```text\n([\s\S]*?)^```$/m.exec(readFileSync(`${ROOT}${EXAMPLE}/README.md`, "utf8")) ?? [];
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--import", "tsx", `${EXAMPLE}/main.ts`], { cwd: ROOT });
  expect(stdout).toBe(wanted);
});
