import { expect, it } from "vitest";
import { serverUrl } from "../../servers/use.js";
import { tallyOf } from "../figures.js";
import { MUTANTS } from "./mutants.js";
import { describeVerdicts, runMutants } from "./run.js";

const tally = tallyOf("mutants");

it("every deliberate fault is caught", { timeout: 240_000 }, async () => {
  const server = serverUrl("postgres15") ?? serverUrl("postgres17") ?? serverUrl("postgres18");
  if (server === undefined) throw new Error("this test run has no PostgreSQL");
  const verdicts = await runMutants(server);
  console.log(describeVerdicts(verdicts));
  const caught = verdicts.filter(({ caughtBy }) => caughtBy !== undefined);
  tally.mutants = { caught: caught.length, of: verdicts.length };
  const survivors = verdicts.filter(
    ({ caughtBy, maySurvive }) => caughtBy === undefined && maySurvive === undefined,
  );
  expect(survivors.map(({ mutant }) => mutant)).toEqual([]);
  expect(verdicts).toHaveLength(MUTANTS.length);
});
