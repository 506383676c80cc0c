import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CAPABILITIES } from "./capabilities.js";
import { FUNCTIONAL, RACES } from "./concerns.js";
import type { Cases, Concern, Fixture, Target } from "./target.js";

/** Registers the suite for one target. */
export function conformance(target: Target): void {
  if (target.unavailable !== undefined) {
    describe.skip(`${target.name}: ${target.unavailable}`, () => {
      test("left out", () => {});
    });
    return;
  }
  describe(`${target.name}, ${target.suite}`, () => {
    let opened: Fixture | undefined;
    let cases = 0;
    const fixture = (): Fixture => {
      if (opened === undefined) throw new Error("the fixture is open only while cases run");
      return opened;
    };
    beforeAll(async () => {
      opened = await target.open();
    });
    afterAll(() => opened?.close());

    const suite = target.suite === "races" ? RACES : FUNCTIONAL;
    for (const concern of [...suite, ...(target.extras ?? [])]) {
      registerConcern(concern, target, fixture, () => {
        cases += 1;
      });
    }
    test("is what the table of capabilities says", () => {
      expect(target.capabilities).toStrictEqual(CAPABILITIES[target.name]);
    });
    test(`has ${target.cases} cases`, () => {
      expect(cases).toBe(target.cases);
    });
  });
}

function registerConcern(concern: Concern, target: Target, fixture: () => Fixture, count: () => void): void {
  const cases: Cases = {
    target,
    fixture,
    test: (name, run) => {
      count();
      test(name, () => run(fixture()));
    },
    skip: (name, reason) => {
      if (reason.trim() === "") throw new Error(`${name}: a skip needs a reason`);
      count();
      test.skip(`${name} (skipped: ${reason})`, () => {});
    },
  };
  describe(concern.name, () => concern.register(cases));
}
