import "reflect-metadata";
import type { IncrementArgs, InsertArgs, OperationRef, UpdateArgs } from "opledger";
import { type Idempotency, withIdempotency } from "opledger/typeorm";
import type pg from "pg";
import { DataSource, EntitySchema } from "typeorm";
import type { BareValues, Driver } from "./subject.js";

interface Account {
  id: number;
  balance: string;
  status: string;
  version: number;
}

interface Payment {
  id: string;
  account: number;
  amount: string;
  note: string;
}

function accountSchema(name: string, version: boolean): EntitySchema<Account> {
  return new EntitySchema<Account>({
    name,
    tableName: "accounts",
    columns: {
      id: { type: "int", primary: true },
      balance: { type: "bigint" },
      status: { type: "text" },
      version: { type: "int", version },
    },
  });
}

/** An increment bumps the version of what has one, which the bare write that it is compared with does not. */
const AccountSchema = accountSchema("Account", false);
const VersionedSchema = accountSchema("VersionedAccount", true);

const PaymentSchema = new EntitySchema<Payment>({
  name: "Payment",
  tableName: "payments",
  columns: {
    id: { type: "uuid", primary: true },
    account: { type: "int" },
    amount: { type: "bigint" },
    note: { type: "text" },
  },
});

const SQL = {
  update: "UPDATE accounts SET balance = balance + $1 WHERE id = $2",
  insert: "INSERT INTO payments (id, account, amount, note) VALUES ($1, $2, $3, $4)",
  versioned: "UPDATE accounts SET status = $1, version = version + 1 WHERE id = $2 AND version = $3",
  select: "SELECT id, balance, status, version FROM accounts WHERE id = $1",
} as const satisfies Readonly<Record<keyof BareValues, string>>;
const CLAIM = "INSERT INTO hand_ledger (key, created_at) VALUES ($1, now())";
const RETURNING = `${SQL.update} RETURNING id, balance, status, version`;
/** The ledger's row without a look at earlier ones, a fingerprint of its own or an answer that can be told from others. */
const FLOOR = {
  name: "bench_floor",
  text: `WITH effect AS (UPDATE accounts SET balance = balance + $1 WHERE id = $2 RETURNING id, balance, status, version),
record AS (
  INSERT INTO opledger_operations (id, scope, operation, key, fingerprint, state, result, created_at, expires_at)
  SELECT $3, 'acme', 'top_up', $3::uuid::text, $4, 1, convert_to(row_to_json(effect)::text, 'UTF8'), clock_timestamp(),
    clock_timestamp() + interval '7 days'
  FROM effect
)
SELECT * FROM effect`,
} as const;
const FINGERPRINT = Buffer.alloc(32, 7);
const COMPLETE = "UPDATE hand_ledger SET result = $1 WHERE key = $2";

/** TypeORM as its users have it. What is bare is `manager.query`, the least that TypeORM can do. */
export async function typeormDriver(url: string, connections: number): Promise<Driver> {
  const dataSource = await new DataSource({
    type: "postgres",
    url,
    poolSize: connections,
    entities: [AccountSchema, VersionedSchema, PaymentSchema],
  }).initialize();
  const { manager } = dataSource;
  const accounts = withIdempotency(dataSource.getRepository(AccountSchema));
  const versioned = withIdempotency(dataSource.getRepository(VersionedSchema));
  const payments = withIdempotency(dataSource.getRepository(PaymentSchema));
  return {
    ledger: {
      operation: (ref) => new Writes({ accounts, versioned, payments }, ref),
    },
    async bare<K extends keyof BareValues>(kind: K, values: BareValues[K]): Promise<number> {
      const answer: unknown = await manager.query(SQL[kind], [...values]);
      return rowsOf(kind, answer);
    },
    handWritten: (key, amount, account) => handWritten(dataSource, key, amount, account),
    async floor(key, amount, account) {
      const { master } = dataSource.driver as unknown as { readonly master: pg.Pool };
      return (await master.query({ ...FLOOR, values: [amount, account, key, FINGERPRINT] })).rows.length;
    },
    async once(operation, amount, id) {
      const { status } = await accounts.once(operation, async (tx) => {
        const [[row]] = await tx.query(RETURNING, [amount, id]);
        return row;
      });
      return status;
    },
    close: () => dataSource.destroy(),
  };
}

/** An INSERT answers with its rows alone, an UPDATE with their number as well. */
function rowsOf(kind: keyof BareValues, answer: unknown): number {
  const told = answer as unknown[];
  if (kind === "insert") return 1;
  return kind === "select" ? told.length : (told[1] as number);
}

interface Repositories {
  readonly accounts: Idempotency<Account>;
  readonly versioned: Idempotency<Account>;
  readonly payments: Idempotency<Payment>;
}

/** The bound writes that are measured, under TypeORM's own names. */
class Writes {
  constructor(
    readonly repositories: Repositories,
    readonly ref: OperationRef,
  ) {}

  insert({ values: { id, account, amount, note } }: InsertArgs) {
    return this.repositories.payments.operation(this.ref).insert({
      id: String(id),
      account: Number(account),
      amount: String(amount),
      note: String(note),
    });
  }

  update({ where: { id }, version, set: { status } }: UpdateArgs) {
    const criteria = { id: Number(id), version: Number(version) };
    return this.repositories.versioned.operation(this.ref).update(criteria, { status: String(status) });
  }

  increment({ where: { id }, by: { balance } }: IncrementArgs) {
    return this.repositories.accounts
      .operation(this.ref)
      .increment({ id: Number(id) }, "balance", Number(balance));
  }
}

function handWritten(dataSource: DataSource, key: string, amount: number, account: number): Promise<number> {
  return dataSource.transaction(async (tx) => {
    await tx.query(CLAIM, [key]);
    const [rows, changed] = await tx.query(RETURNING, [amount, account]);
    await tx.query(COMPLETE, [JSON.stringify(rows[0]), key]);
    return changed;
  });
}
