import type { Answers, Place } from "./deliver.js";
import { DELIVERIES, type Plan } from "./deliveries.js";
import { ENGINES } from "./engines.js";
import { MERCHANT } from "./service.js";

/** What one service made of the deliveries. Counts and money are read from the database, replays from the answers. */
export interface Figures {
  readonly deliveries: number;
  /** Charges made: rows in `charges`. */
  readonly executed: number;
  /** Deliveries answered without moving money. */
  readonly replayed: number;
  /** Workers killed with SIGKILL. */
  readonly killed: number;
  /** Of those, deliveries that a worker's death undid. */
  readonly rolledBack: number;
  readonly duplicates: number;
  readonly duplicatesPrevented: number;
  /** Charges that were made more than once. */
  readonly chargedAgain: number;
  readonly movedCents: bigint;
  readonly expectedCents: bigint;
  /** Rows in the ledger; undefined where there is no ledger. */
  readonly ledgerRows: number | undefined;
  readonly durationMs: number;
  /** What is not as it has to be, in words; empty where every cent is right. */
  readonly problems: readonly string[];
}

interface Books {
  readonly balances: ReadonlyMap<string, bigint>;
  readonly chargeRows: ReadonlyMap<string, number>;
  readonly ledgerRows: number | undefined;
}

async function readBooks({ engine, name, url }: Place): Promise<Books> {
  const { run } = ENGINES[engine];
  const accounts = await run<{ id: string; cents: string | number }>(url, [
    "SELECT id, balance_cents AS cents FROM accounts",
  ]);
  const charges = await run<{ id: string; times: string | number }>(url, [
    "SELECT charge_id AS id, count(*) AS times FROM charges GROUP BY charge_id",
  ]);
  const completed = "SELECT count(*) AS times FROM opledger_operations WHERE operation = 'charge'";
  const ledger = name === "opledger" ? await run<{ times: string | number }>(url, [completed]) : [];
  return {
    balances: new Map(accounts.map(({ id, cents }) => [id, BigInt(cents)])),
    chargeRows: new Map(charges.map(({ id, times }) => [id, Number(times)])),
    ledgerRows: ledger[0] === undefined ? undefined : Number(ledger[0].times),
  };
}

/** Compares what is in the database with what should be, and both with what the clients were told. */
export async function audit(plan: Plan, place: Place, answers: Answers): Promise<Figures> {
  const books = await readBooks(place);
  const told = [...answers.byCharge.values()].flat();
  const executed = sum(books.chargeRows.values());
  const replayed = told.filter(({ status }) => status === "replayed").length;
  // A killed worker told nobody what it did: a delivery that is neither a charge made nor a replay was rolled back.
  const rolledBack = DELIVERIES - executed - replayed;
  const duplicates = DELIVERIES - rolledBack - plan.charges.length;
  return {
    deliveries: told.length + answers.killed,
    executed,
    replayed,
    killed: answers.killed,
    rolledBack,
    duplicates,
    duplicatesPrevented: duplicates - (executed - plan.charges.length),
    chargedAgain: [...books.chargeRows.values()].filter((rows) => rows > 1).length,
    movedCents: books.balances.get(MERCHANT) ?? 0n,
    expectedCents: plan.charges.reduce((total, { amountCents }) => total + amountCents, 0n),
    ledgerRows: books.ledgerRows,
    durationMs: Math.round(answers.durationMs),
    problems: [
      ...wrongBalances(plan, books),
      ...wrongCounts(plan, books),
      ...wrongAnswers(plan, books, answers),
    ],
  };
}

function wrongBalances(plan: Plan, { balances }: Books): string[] {
  const expected = new Map<string, bigint>();
  for (const { customer, amountCents } of plan.charges) {
    expected.set(customer, (expected.get(customer) ?? 0n) - amountCents);
    expected.set(MERCHANT, (expected.get(MERCHANT) ?? 0n) + amountCents);
  }
  return [MERCHANT, ...plan.customers].flatMap((account) => {
    const [is, should] = [balances.get(account) ?? 0n, expected.get(account) ?? 0n];
    return is === should ? [] : [`${account} has ${is} cents and should have ${should}`];
  });
}

function wrongCounts(plan: Plan, { chargeRows, ledgerRows }: Books): string[] {
  const problems = plan.charges.flatMap(({ id }) => {
    const rows = chargeRows.get(id) ?? 0;
    return rows === 1 ? [] : [`${id} was made ${rows} times`];
  });
  if (ledgerRows !== undefined && ledgerRows !== plan.charges.length) {
    problems.push(`the ledger has ${ledgerRows} rows and should have ${plan.charges.length}`);
  }
  return problems;
}

/** Every charge made was told to exactly one client, or to a worker that died of it; every replay says the same. */
function wrongAnswers(plan: Plan, { chargeRows }: Books, answers: Answers): string[] {
  const deaths = new Map(
    plan.steps.flatMap((step) => (step.type === "death" ? [[step.charge.id, step.at]] : [])),
  );
  const problems = plan.charges.flatMap(({ id }) => {
    const told = answers.byCharge.get(id) ?? [];
    const executed = told.filter(({ status }) => status === "executed").length;
    const untold = (chargeRows.get(id) ?? 0) - executed;
    const receipts = new Set(told.map(({ receipt }) => `${receipt.number} ${receipt.amountCents}`)).size;
    const untoldMax = deaths.get(id) === "during-commit" ? 1 : 0;
    return [
      ...(untold < 0 || untold > untoldMax
        ? [`${id}: ${executed} clients were told that it was executed`]
        : []),
      ...(receipts > 1 ? [`${id}: its clients hold ${receipts} different receipts`] : []),
    ];
  });
  if (answers.killed !== deaths.size)
    problems.push(`${answers.killed} workers of ${deaths.size} died of SIGKILL`);
  return problems;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
