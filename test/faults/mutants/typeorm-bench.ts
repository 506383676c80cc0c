import "reflect-metadata";
import { DataSource, type DataSourceOptions, EntitySchema, type EntitySubscriberInterface } from "typeorm";
import type * as Adapter from "../../../src/adapters/typeorm/index.js";
import type * as Migrations from "../../../src/migrations/index.js";

interface Account {
  id: number;
  balance: number;
  status: string;
  secret: string | null;
  operationId: string | null;
  version: number;
}

let sealed = 0;
/** As encryption does: another text for the same value each time. */
const seal = {
  to: (value: string | null | undefined) => (typeof value === "string" ? `${++sealed}:${value}` : value),
  from: (value: string | null) => value?.replace(/^\d+:/, "") ?? null,
};

const Accounts = new EntitySchema<Account>({
  name: "Account",
  tableName: "accounts",
  columns: {
    id: { type: "int", primary: true },
    balance: { type: "int", default: 0 },
    status: { type: "varchar", default: "open" },
    secret: { type: "varchar", nullable: true, transformer: seal },
    operationId: { type: "varchar", length: 36, nullable: true },
    version: { type: "int", version: true },
  },
});

interface Paper {
  id: number;
  title: string;
}

class AnyPaper {}
class Invoice extends AnyPaper {}
class Receipt extends AnyPaper {}
const paper = { id: { type: "int", primary: true }, title: { type: "varchar" } } as const;
const Papers = new EntitySchema<Paper>({
  target: AnyPaper,
  name: "AnyPaper",
  tableName: "papers",
  columns: paper,
  inheritance: { pattern: "STI", column: { name: "kind", type: "varchar" } },
});
const Invoices = new EntitySchema<Paper>({
  target: Invoice,
  name: "Invoice",
  type: "entity-child",
  columns: paper,
});
const Receipts = new EntitySchema<Paper>({
  target: Receipt,
  name: "Receipt",
  type: "entity-child",
  columns: paper,
});

/** What the sharp cases of TypeORM stand on. */
export interface Bench {
  readonly adapter: typeof Adapter;
  readonly entities: {
    readonly Accounts: typeof Accounts;
    readonly Invoices: typeof Invoices;
    readonly Receipts: typeof Receipts;
  };
  /** On the server, or in memory; subscribers are those given, on top of the entity's own. */
  open(where: "postgres" | "sqljs", subscribers?: readonly EntitySubscriberInterface[]): Promise<DataSource>;
  key(): { operation: string; key: string };
  id(): number;
}

export async function typeormBench(folder: string, url: string): Promise<Bench> {
  const adapter = (await import(`${folder}/src/adapters/typeorm/index.ts`)) as typeof Adapter;
  const { ledgerMigrations } = (await import(`${folder}/src/migrations/index.ts`)) as typeof Migrations;
  let [keys, ids, made] = [0, 0, false];
  return {
    adapter,
    entities: { Accounts, Invoices, Receipts },
    open: async (type, subscribers = []) => {
      const fresh = type === "sqljs" || !made;
      const entities = [Accounts, Papers, Invoices, Receipts];
      const options = { type, ...(type === "postgres" && { url }), entities, synchronize: fresh };
      const dataSource = await new DataSource(options as DataSourceOptions).initialize();
      dataSource.subscribers.push(...subscribers);
      if (fresh) {
        for (const { upStatements } of ledgerMigrations(type === "sqljs" ? "sqlite" : type))
          for (const sql of upStatements) await dataSource.query(sql);
      }
      made ||= type === "postgres";
      return dataSource;
    },
    key: () => ({ operation: "check", key: `SECRET-${++keys}` }),
    id: () => ++ids,
  };
}
