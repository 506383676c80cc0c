import { badInput } from "./bad-input.js";
import { batch } from "./batch.js";
import { batchEdges } from "./batch-edges.js";
import { compareAndSet } from "./compare-and-set.js";
import { deletes } from "./delete.js";
import { erase } from "./erase.js";
import { events } from "./events.js";
import { identity } from "./identity.js";
import { increment } from "./increment.js";
import { insert } from "./insert.js";
import { lawOne } from "./law-one.js";
import { mixedRaces } from "./mixed-races.js";
import { names } from "./names.js";
import { once } from "./once.js";
import { pools } from "./pools.js";
import { duplicateRaces } from "./races.js";
import { redaction } from "./redact.js";
import { replayTypes } from "./replay-types.js";
import { retention } from "./retention.js";
import { schema } from "./schema.js";
import { storeErrorConcern } from "./store-error.js";
import type { Concern } from "./target.js";
import { update } from "./update.js";
import { upsert } from "./upsert.js";
import { waiting } from "./waiting.js";
import { within } from "./within.js";

/** What every target runs: each rule of behaviour, one call at a time or a few. */
export const FUNCTIONAL: readonly Concern[] = [
  identity,
  once,
  insert,
  upsert,
  update,
  compareAndSet,
  increment,
  deletes,
  batch,
  batchEdges,
  within,
  replayTypes,
  redaction,
  names,
  schema,
  lawOne,
  storeErrorConcern,
  waiting,
  pools,
  retention,
  erase,
  events,
  badInput,
];

/** Many connections at once; for one target per engine version. */
export const RACES: readonly Concern[] = [duplicateRaces, mixedRaces];
