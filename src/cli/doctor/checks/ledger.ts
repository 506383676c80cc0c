import { type Engine, ledgerMigrations } from "../../../migrations/index.js";
import { ledgerStateStatement, readLedgerState } from "../../../migrations/version.js";
import { bytes, number } from "../../format.js";
import { type Check, ENGINES, MYSQL_FAMILY, type Patient, POSTGRES, SERVERS, signIf } from "../check.js";
import { differences, GOLDEN, readShape } from "../shape.js";

const DAY_MS = 86_400_000;
/** Fewer are swept in a moment; the sweeper need not run every minute. */
const EXPIRED_ROWS_MAX = 1_000;
/** Fewer dead rows cost nothing. */
const DEAD_ROWS_MAX = 10_000;

const missing: Check = {
  id: "ledger-missing",
  severity: "error",
  engines: ENGINES,
  why: "Without its table no operation can be claimed: every call fails with OPLEDGER_LEDGER_SCHEMA.",
  fix: "Run `npx opledger migrate`, or write a migration with `npx opledger migration create`; --schema and --table say where another one is.",
  examine: ({ ledgerExists, table, schema }) =>
    signIf(!ledgerExists, `there is no table ${schema === null ? table : `${schema}.${table}`}`),
};

const outdated: Check = {
  id: "ledger-outdated",
  severity: "error",
  engines: ENGINES,
  needsLedger: true,
  why: "This version of opledger speaks to a ledger of its own version; a migration that was not run, or was cut off, leaves another.",
  fix: "Run `npx opledger migrate`, or write the missing steps with `npx opledger migration create`.",
  examine: async ({ engine, rows, schema, table }) => {
    const { sql, values } = ledgerStateStatement(engine, { schema: schema ?? undefined, table });
    const state = readLedgerState(await rows(sql, values));
    const newest = Math.max(...ledgerMigrations(engine).map(({ version }) => version));
    if (state.status !== "marked") return [{ seen: "the ledger has no mark of its version" }];
    const { version } = state;
    if (version < newest) return [{ seen: `the ledger has version ${version}, and the newest is ${newest}` }];
    const fix = "Install the version of opledger that made it, or a newer one, wherever it is used.";
    return signIf(version > newest, `the ledger has version ${version}, and this opledger knows ${newest}`, {
      fix,
    });
  },
};

const partitions: Check = {
  id: "partitions-ahead",
  severity: "error",
  engines: POSTGRES,
  needsLedger: true,
  why: "There is no default partition: a new operation whose day has no partition is refused (OPLEDGER_LEDGER_SCHEMA).",
  fix: "Run the ledger's …_create_partitions() function now, and daily from cron or pg_cron.",
  examine: async ({ ledger, rows }) => {
    const sql = `SELECT relkind::text AS kind, (SELECT max(substring(pg_get_expr(part.relpartbound, part.oid) FROM 'TO \\(''([0-9a-f-]+)''\\)'))
FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = pg_class.oid) AS until FROM pg_class WHERE oid = $1::regclass`;
    const [row] = await rows(sql, [ledger]);
    if (row?.kind !== "p") return [];
    if (typeof row.until !== "string") return [{ seen: "the ledger has no partitions" }];
    const untilMs = Number.parseInt(row.until.replaceAll("-", "").slice(0, 12), 16);
    const until = new Date(untilMs).toISOString().slice(0, 10);
    // By the server's clock, which is what partitions are made by.
    const [clock] = await rows("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms");
    const leftMs = untilMs - Number(clock?.ms);
    if (leftMs <= 0) return [{ seen: `the last partition ended on ${until}` }];
    const seen = `the last partition ends on ${until}, in less than a day`;
    return signIf(leftMs < DAY_MS, seen, { severity: "warning" });
  },
};

const altered: Check = {
  id: "ledger-altered",
  severity: "error",
  engines: ENGINES,
  needsLedger: true,
  why: "opledger's statements and promises rest on the table as the migrations make it.",
  fix: "Compare with `npx opledger migration create --for sql`, and restore what differs.",
  examine: async (patient) => {
    const found = differences(GOLDEN[patient.engine], await readShape(patient));
    // MySQL hides the procedures from those who may not call them.
    const hidden = found.every((each) => each.startsWith("lacks procedure"));
    const fix =
      "GRANT EXECUTE on the ledger's procedures to the application's user, or restore them; until then each transaction takes more round trips.";
    return signIf(found.length > 0, `the ledger ${found.join("; ")}`, hidden ? { fix } : {});
  },
};

/** So many milliseconds ago, as the ledger holds times. */
const AGO: Readonly<Record<Engine, string>> = {
  postgres: "clock_timestamp() - $1::float8 * interval '1 millisecond'",
  mysql: "UTC_TIMESTAMP(6) - INTERVAL ? * 1000 MICROSECOND",
  mariadb: "UTC_TIMESTAMP(6) - INTERVAL ? * 1000 MICROSECOND",
  sqlite: "unixepoch('now') * 1000 - ?",
};

const sweepLag: Check = {
  id: "sweep-lag",
  severity: "warning",
  engines: ENGINES,
  needsLedger: true,
  why: "Operations past their retention count as unseen and are only in the way: the ledger grows, and its indexes with it.",
  fix: "Run `npx opledger sweep` now, and from cron; --rate keeps it gentle.",
  examine: async ({ engine, ledger, one }) => {
    const sql = `SELECT COUNT(*) FROM (SELECT 1 FROM ${ledger} WHERE expires_at < ${AGO[engine]} LIMIT 1000000) AS expired`;
    const rows = Number(await one(sql, [DAY_MS]));
    return signIf(
      rows > EXPIRED_ROWS_MAX,
      `${number(rows)} operations expired more than a day ago and are still there`,
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
    const seen = `${number(dead)} dead rows beside ${number(live)} live ones`;
    return signIf(dead > DEAD_ROWS_MAX && dead > live, seen);
  },
};

/** Below this a file has free space beside a small ledger anyway. */
const FREE_BYTES_MIN = 32 * 1024 * 1024;

const freeSpace: Check = {
  id: "ledger-bloat",
  severity: "note",
  engines: MYSQL_FAMILY,
  needsLedger: true,
  why: "The ledger was once much larger, or is swept in large steps. Its file keeps the space for rows to come, and takes it on the disk, in backups and on replicas.",
  fix: "Sweep more often. OPTIMIZE TABLE, or ALTER TABLE … ENGINE = InnoDB, gives the space back while others write.",
  examine: async ({ rows, schema, table }) => {
    const sql = `SELECT DATA_FREE AS free, DATA_LENGTH + INDEX_LENGTH AS used FROM information_schema.TABLES
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`;
    const [row] = await rows(sql, [schema, table]);
    const [free, used] = [Number(row?.free ?? 0), Number(row?.used ?? 0)];
    const seen = `${bytes(free)} of the ledger's file are free, and ${bytes(used)} are used`;
    return signIf(free > FREE_BYTES_MIN && free > used, seen);
  },
};

/** Which of the statements that the ledger takes this user may not send. */
async function denied({ engine, ledger, rows }: Patient): Promise<readonly string[]> {
  if (engine === "postgres") {
    const sql = `SELECT verb FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS verb
WHERE NOT has_table_privilege(current_user, $1::regclass, verb)`;
    return (await rows(sql, [ledger])).map(({ verb }) => String(verb));
  }
  // EXPLAIN takes the rights of what it explains, wherever they come from, and changes nothing.
  const statements = {
    SELECT: `SELECT * FROM ${ledger} WHERE FALSE`,
    INSERT: `INSERT INTO ${ledger} (id) VALUES ('')`,
    UPDATE: `UPDATE ${ledger} SET state = 0 WHERE FALSE`,
    DELETE: `DELETE FROM ${ledger} WHERE FALSE`,
  };
  const verbs: string[] = [];
  for (const [verb, statement] of Object.entries(statements)) {
    await rows(`EXPLAIN ${statement}`).catch((error: unknown) => {
      if (!DENIED.has(Number((error as { errno?: unknown } | null)?.errno))) throw error;
      verbs.push(verb);
    });
  }
  return verbs;
}

/** A command on a table, and on one of its columns. */
const DENIED: ReadonlySet<number> = new Set([1142, 1143]);

const privileges: Check = {
  id: "privileges",
  severity: "error",
  engines: SERVERS,
  needsLedger: true,
  why: "Claiming inserts, completing updates, replaying selects and sweeping deletes; without one of them operations fail on the way.",
  fix: "GRANT SELECT, INSERT, UPDATE, DELETE on the ledger to the application's role; on MySQL also EXECUTE on its procedures.",
  examine: async (patient) => {
    const verbs = await denied(patient);
    const who = await patient.one(
      patient.engine === "postgres" ? "SELECT current_user" : "SELECT CURRENT_USER()",
    );
    return signIf(verbs.length > 0, `${who} may not ${verbs.join(", ")} on the ledger`);
  },
};

export const LEDGER_CHECKS: readonly Check[] = [
  missing,
  outdated,
  altered,
  partitions,
  privileges,
  sweepLag,
  bloat,
  freeSpace,
];
