import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { blocksOf } from "../docs/blocks.js";

const FOLDER = fileURLToPath(new URL("../../examples/typeorm-inventory/", import.meta.url));
const outputs = blocksOf("README.md", readFileSync(`${FOLDER}README.md`, "utf8")).filter(
  ({ language }) => language === "text",
);

test.each([
  ["main.ts", 0],
  ["nest.ts", 1],
])("%s prints what its README shows", (file, index) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--import", "tsx", FOLDER + file], {
    encoding: "utf8",
    timeout: 120_000,
  });
  expect(stderr).toBe("");
  expect(stdout).toBe(outputs[index]?.text);
  expect(status).toBe(0);
});
