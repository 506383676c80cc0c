/** npx tsx examples/prisma-payments/main.ts: a payment service on Prisma whose every call comes more than once. */
import { newKey, OpledgerError, StoredFailureError } from "opledger";
import pg from "pg";
import { migrationTexts } from "../../test/prisma/migrations.js";
import { startPostgres } from "../../test/servers/postgres.js";
import { type Counts, connect, type Database } from "./client.js";
import { Payments } from "./service.js";

const DUPLICATES = 8;
const client = "customer-7";

/** What `npx prisma migrate deploy` does with prisma/migrations/postgresql. */
async function migrate(connectionString: string): Promise<void> {
  const connection = new pg.Client({ connectionString });
  await connection.connect();
  for (const part of ["opledger", "tables"] as const) {
    for (const sql of migrationTexts("postgresql", part)) await connection.query(sql);
  }
  await connection.end();
}

/** The same call many times at the same moment, as impatient clients and redelivering queues make it. */
async function atOnce<T extends { status: string; value: unknown }>(
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  const outcomes = await Promise.all(Array.from({ length: DUPLICATES }, call));
  const executed = outcomes.filter(({ status }) => status === "executed").length;
  const answers = new Set(outcomes.map(({ value }) => JSON.stringify(value)));
  say(
    what,
    `${DUPLICATES} calls: ${executed} executed, ${DUPLICATES - executed} replayed, ${answers.size} answer`,
  );
  return outcomes[0] as T;
}

function say(what: string, text: string): void {
  console.log(`${what.padEnd(16)}${text}`);
}

async function refused(what: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
    say(what, "went through");
  } catch (error) {
    if (error instanceof StoredFailureError) say(what, `${error.code} ${JSON.stringify(error.failure)}`);
    else if (error instanceof OpledgerError) say(what, error.code);
    else say(what, `${(error as Error).constructor.name}: ${(error as Error).message}`);
  }
}

async function story(payments: Payments): Promise<void> {
  const email = "ada@example.org";
  const signUp = { client, key: newKey(), body: { email, name: "Ada" } };
  const { effect } = await atOnce("sign up", () => payments.signUp(signUp));
  say("", `the customer was ${effect}`);
  const again = await payments.signUp({ client, key: newKey(), body: { email, name: "Ada L." } });
  say("sign up anew", `${again.status}, ${again.effect}: ${again.value.name}`);

  const open = { client, key: newKey(), body: null };
  const { value: account } = await atOnce("open account", () => payments.openAccount(open));
  const topUp = { client, key: newKey(), body: { account: account.id, amount: 100 } };
  const { value } = await atOnce("top up 100", () => payments.topUp(topUp));
  say("", `balance ${value.balance}`);
  await refused("other amount", payments.topUp({ ...topUp, body: { account: account.id, amount: 999 } }));

  const charge = { client, key: newKey(), body: { account: account.id, amount: 30 } };
  const receipt = await atOnce("charge 30", () => payments.charge(charge));
  say("", `balance ${receipt.value.balance}`);

  const crashing = { client, key: newKey(), body: { account: account.id, amount: 20 } };
  const crash = (): never => {
    throw new Error("the process broke down before COMMIT");
  };
  await refused("charge 20", payments.charge(crashing, crash));
  const retried = await payments.charge(crashing);
  say("retry", `${retried.status}, balance ${retried.value.balance}`);

  const tooMuch = { client, key: newKey(), body: { account: account.id, amount: 500 } };
  await refused("charge 500", payments.charge(tooMuch));
  await payments.topUp({ client, key: newKey(), body: { account: account.id, amount: 1000 } });
  await refused("retry, now rich", payments.charge(tooMuch));

  const stale = { client, key: newKey(), body: { account: account.id, version: account.version - 1 } };
  await refused("close, stale", payments.close(stale));
  const close = { client, key: newKey(), body: { account: account.id, version: account.version } };
  const closed = await atOnce("close", () => payments.close(close));
  say("", `version ${closed.value.version}`);
}

/** The books, past every ledger. */
async function audit(db: Database, counts: Counts): Promise<boolean> {
  const { balance } = await db.account.findFirstOrThrow();
  const { _count, _sum } = await db.charge.aggregate({ _count: true, _sum: { amount: true } });
  const expected = 1100 - Number(_sum.amount);
  console.log();
  say("customers", `${await db.customer.count()}`);
  say("charges", `${_count}, together ${_sum.amount}`);
  say("balance", `${balance} of ${expected} expected`);
  say("replayed", `${counts.get("replayed") ?? 0} duplicates, which would have been writes`);
  return balance === expected && _count === 2;
}

const server = await startPostgres();
const counts: Counts = new Map();
const db = connect(server.url, counts);
try {
  await migrate(server.url);
  await story(new Payments(db));
  if (!(await audit(db, counts))) process.exitCode = 1;
} finally {
  await db.$disconnect();
  await server.stop();
}
