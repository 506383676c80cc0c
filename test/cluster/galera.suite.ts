import { afterAll, beforeAll, describe } from "vitest";
import { describeFigures, Tally } from "../faults/figures.js";
import { startGalera } from "../servers/galera.js";
import type { Cluster } from "../servers/types.js";
import { conflicts } from "./conflicts.js";
import type { Lab } from "./lab.js";
import { outages } from "./outages.js";
import { prepare } from "./witness.js";

const CAUGHT_UP = "SET SESSION wsrep_sync_wait = 15";

describe("three nodes of MariaDB Galera", () => {
  const tally = new Tally();
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startGalera();
    const [first] = cluster.nodes;
    if (first !== undefined) await prepare(first, "mariadb");
  });
  afterAll(async () => {
    await cluster?.stop();
    console.log(`Galera ${describeFigures(tally.figures())}`);
  });

  const lab = (): Lab => ({ cluster, tally, caughtUp: CAUGHT_UP });
  conflicts(lab);
  outages(lab);
});
