import { newKey, type OperationRef } from "opledger";
import {
  BATCH,
  type Call,
  type CallName,
  type Driver,
  type MeasuredLedger,
  type Subject,
} from "./subject.js";

/** How many operations there are to replay: so few that a process still knows them when their turn comes again, beside batches of 100. */
const REPLAYED = 50;
/** Coprime to every number of accounts, so that the rows come in a scattered order and each once per lap. */
const STRIDE = 7_919;
const NOTE = "an ordinary note";

/**
 * The calls of a driver. Each goes round the accounts, so that no two calls under way ever touch the same row: what is
 * measured is the cost of a write, not the wait for a row lock. Each write mints a key, the bare ones too, since a key is
 * the caller's own and no part of the ledger's cost. Each checks its own result.
 */
export function subjectOf(driver: Driver, accounts: number): Subject {
  const next = laps(accounts);
  const replays: { ref: OperationRef; account: number }[] = [];
  let replay = 0;
  const nextReplay = (): { ref: OperationRef; account: number } => {
    const found = replays[replay++ % replays.length];
    if (found === undefined) throw new Error("nothing to replay: call prepare() first");
    return found;
  };
  const calls: Partial<Record<CallName, Call>> = {
    ...bareCalls(driver, next),
    ...(driver.floor !== undefined && {
      floor: async () => expect("floor", (await driver.floor?.(newKey(), 1, next())) ?? 0, 1),
    }),
    ...writeCalls(driver, accounts, next),
    ...(driver.twoRows !== undefined && {
      "two-rows": async () => expect("two-rows", (await driver.twoRows?.(newKey(), 1, next())) ?? 0, 1),
    }),
    once: async () => expect("once", await driver.once(operation("charge"), 1, next()), "executed"),
    replay: async () => {
      const { ref, account } = nextReplay();
      const args = { table: "accounts", where: { id: account }, by: { balance: 1 } };
      expect("replay", (await driver.ledger.operation(ref).increment(args)).status, "replayed");
    },
    "replay-once": async () => {
      const { ref, account } = nextReplay();
      expect("replay-once", await driver.once({ ...ref, operation: "charge" }, 1, account), "replayed");
    },
  };
  return {
    calls,
    async prepare() {
      for (let made = 0; made < REPLAYED; made += 1) {
        const [ref, account] = [operation("top_up"), next()];
        await driver.ledger
          .operation(ref)
          .increment({ table: "accounts", where: { id: account }, by: { balance: 1 } });
        await driver.once({ ...ref, operation: "charge" }, 1, account);
        replays.push({ ref, account });
      }
    },
    close: () => driver.close(),
  };
}

function bareCalls(
  driver: Driver,
  next: () => number,
): Record<"bare-update" | "bare-insert" | "pk-select" | "hand-written", Call> {
  return {
    "bare-update": async () => {
      newKey();
      expect("bare-update", await driver.bare("update", [1, next()]), 1);
    },
    "bare-insert": async () =>
      expect("bare-insert", await driver.bare("insert", [newKey(), next(), 1, NOTE]), 1),
    "pk-select": async () => expect("pk-select", await driver.bare("select", [next()]), 1),
    "hand-written": async () => expect("hand-written", await driver.handWritten(newKey(), 1, next()), 1),
  };
}

function writeCalls(driver: Driver, accounts: number, next: () => number): Partial<Record<CallName, Call>> {
  const { ledger } = driver;
  const versions = new Int32Array(accounts + 1);
  const take = (): { account: number; version: number } => {
    const account = next();
    const version = versions[account] ?? 0;
    versions[account] = version + 1;
    return { account, version };
  };
  return {
    "bare-update-versioned": async () => {
      newKey();
      const { account, version } = take();
      expect("bare-update-versioned", await driver.bare("versioned", ["open", account, version]), 1);
    },
    increment: async () => {
      const args = { table: "accounts", where: { id: next() }, by: { balance: 1 } };
      expect("increment", (await ledger.operation(operation("top_up")).increment(args)).status, "executed");
    },
    insert: async () => {
      const values = { id: newKey(), account: next(), amount: 1, note: NOTE };
      const outcome = await ledger.operation(operation("pay")).insert({ into: "payments", values });
      expect("insert", outcome.status, "executed");
    },
    "compare-and-set": async () => {
      const { account: id, version } = take();
      const args = { table: "accounts", where: { id }, version, set: { status: "open" } };
      expect("compare-and-set", (await ledger.operation(operation("open")).update(args)).status, "executed");
    },
    ...(ledger.incrementMany !== undefined && { "batch-100": () => batch(ledger, next) }),
  };
}

async function batch(ledger: MeasuredLedger, next: () => number): Promise<void> {
  const many = Array.from({ length: BATCH }, () => {
    return { ...operation("top_up"), table: "accounts", where: { id: next() }, by: { balance: 1 } };
  });
  const outcomes = await (ledger.incrementMany?.(many) ?? []);
  expect("batch-100", outcomes.filter(({ status }) => status === "executed").length, BATCH);
}

function operation(name: string): OperationRef {
  return { operation: name, scope: "acme", key: newKey() };
}

function laps(accounts: number): () => number {
  let at = 0;
  return () => {
    at = (at + STRIDE) % accounts;
    return at + 1;
  };
}

/** A call that did not do its work would otherwise shine. */
function expect(name: CallName, found: string | number, wanted: string | number): void {
  if (found !== wanted) throw new Error(`${name}: expected ${wanted}, found ${found}`);
}
