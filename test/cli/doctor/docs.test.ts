import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CHECKS } from "../../../src/cli/doctor/checks/index.js";

it("docs/doctor.md has one heading for each check, in their order", () => {
  const text = readFileSync(new URL("../../../docs/doctor.md", import.meta.url), "utf8");
  const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, id]) => id);
  expect(headings).toEqual([...new Set(CHECKS.map(({ id }) => id))]);
});

it("every check says why it matters and what to do", () => {
  for (const { why, fix } of CHECKS) {
    expect(why).toMatch(/\.$/);
    expect(fix).toMatch(/[.;]$/);
  }
});
