import { type Check, POSTGRES, SERVERS, signIf } from "../check.js";
import { differences, GOLDEN, readShape } from "../shape.js";

const DAY_MS = 86_400_000;
/** Fewer are swept in a moment; the sweeper need not run every minute. */
const EXPIRED_ROWS_MAX = 1_000;
/** Fewer dead rows cost nothing. */
const DEAD_ROWS_MAX = 10_000;

const missing: Check = {
  id: "ledger-missing",
  severity: "error",
  engines: SERVERS,
  why: "Without its table no operation can be claimed: every call fails with OPLEDGER_LEDGER_SCHEMA.",
  fix: "Run `npx opledger migrate`, or write a migration with `npx opledger migration create`; --schema and --table say where another one is.",
  examine: ({ ledgerExists, table, schema }) =>
    signIf(!ledgerExists, `there is no table ${schema === null ? table : `${schema}.${table}`}`),
};

const altered: Check = {
  id: "ledger-altered",
  severity: "error",
  engines: SERVERS,
  needsLedger: true,
  why: "opledger's statements and promises rest on the table as the migrations make it.",
  fix: "Compare with `npx opledger migration create --for sql`, and restore what differs.",
  examine: async (patient) => {
    const golden = GOLDEN[patient.engine];
    const found = golden === undefined ? [] : differences(golden, await readShape(patient));
    return signIf(found.length > 0, `the ledger ${found.join("; ")}`);
  },
};

const sweepLag: Check = {
  id: "sweep-lag",
  severity: "warning",
  engines: SERVERS,
  needsLedger: true,
  why: "Operations past their retention count as unseen and are only in the way: the ledger grows, and its indexes with it.",
  fix: "Run `npx opledger sweep` now, and from cron; --rate keeps it gentle.",
  examine: async ({ engine, ledger, one }) => {
    const past =
      engine === "postgres"
        ? "clock_timestamp() - $1::float8 * interval '1 millisecond'"
        : "UTC_TIMESTAMP(6) - INTERVAL ? * 1000 MICROSECOND";
    const sql = `SELECT COUNT(*) FROM (SELECT 1 FROM ${ledger} WHERE expires_at < ${past} LIMIT 1000000) AS expired`;
    const rows = Number(await one(sql, [DAY_MS]));
    const count = rows.toLocaleString("en-US");
    return signIf(
      rows > EXPIRED_ROWS_MAX,
      `${count} operations expired more than a day ago and are still there`,
    );
  },
};

const bloat: Check = {
  id: "ledger-bloat",
  severity: "warning",
  engines: POSTGRES,
  needsLedger: true,
  why: "Rows that were swept or rolled back take their space until a vacuum frees it; lookups slow down.",
  fix: "Find out what holds vacuum back (a long transaction, a replication slot, autovacuum off), then VACUUM the table.",
  examine: async ({ ledger, rows }) => {
    const sql =
      "SELECT n_live_tup AS live, n_dead_tup AS dead FROM pg_stat_all_tables WHERE relid = $1::regclass";
    const [row] = await rows(sql, [ledger]);
    const [live, dead] = [Number(row?.live ?? 0), Number(row?.dead ?? 0)];
    const seen = `${dead.toLocaleString("en-US")} dead rows beside ${live.toLocaleString("en-US")} live ones`;
    return signIf(dead > DEAD_ROWS_MAX && dead > live, seen);
  },
};

const privileges: Check = {
  id: "privileges",
  severity: "error",
  engines: POSTGRES,
  needsLedger: true,
  why: "Claiming inserts, completing updates, replaying selects and sweeping deletes; without one of them operations fail on the way.",
  fix: "GRANT SELECT, INSERT, UPDATE, DELETE on the ledger to the application's role.",
  examine: async ({ ledger, rows }) => {
    const sql = `SELECT verb, current_user AS who FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb
WHERE NOT has_table_privilege(current_user, $1::regclass, verb)`;
    const lacking = await rows(sql, [ledger]);
    const verbs = lacking.map(({ verb }) => verb).join(", ");
    return signIf(lacking.length > 0, `${lacking[0]?.who} may not ${verbs} on the ledger`);
  },
};

export const LEDGER_CHECKS: readonly Check[] = [missing, altered, privileges, sweepLag, bloat];
