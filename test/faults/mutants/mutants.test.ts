import { expect, it } from "vitest";
import { ANY_POSTGRES } from "../../proxy/database.js";
import type { Engine } from "../../servers/types.js";
import { serverUrl } from "../../servers/use.js";
import { tallyOf } from "../figures.js";
import { describeVerdicts, MUTANTS, runMutants } from "./run.js";

const tally = tallyOf("mutants");

it("every deliberate fault is caught", { timeout: 900_000 }, async () => {
  const found: Readonly<Record<Engine, string | undefined>> = {
    postgres: ANY_POSTGRES.map(serverUrl).find((url) => url !== undefined),
    mariadb: serverUrl("mariadb"),
    mysql: serverUrl("mysql"),
  };
  const servers = Object.fromEntries(Object.entries(found).filter(([, url]) => url !== undefined));
  const verdicts = await runMutants(servers);
  console.log(describeVerdicts(verdicts));
  const caught = verdicts.filter(({ caughtBy }) => caughtBy !== undefined);
  tally.mutants = { caught: caught.length, of: verdicts.length };
  const survivors = verdicts.filter(
    ({ caughtBy, maySurvive }) => caughtBy === undefined && maySurvive === undefined,
  );
  expect(survivors.map(({ mutant }) => mutant)).toEqual([]);
  expect(verdicts).toHaveLength(MUTANTS.filter(({ engine }) => found[engine] !== undefined).length);
});
