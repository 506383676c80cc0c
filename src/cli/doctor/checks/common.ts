import { type Check, type Patient, SERVERS, type Sign, signIf } from "../check.js";

/** Beyond what NTP leaves between two machines. */
const SKEW_MS_MAX = 5_000;
/** From here on a burst or a deployment meets a full server. */
const CONNECTIONS_SHARE_MAX = 0.8;

const readOnly: Check = {
  id: "read-only",
  severity: "error",
  engines: SERVERS,
  why: "A claim is a write. A replica cannot tell whether a key is new: only the primary can.",
  fix: "Connect to the primary. In a list of hosts ask for one that takes writes (`target_session_attrs=read-write`).",
  examine: async ({ engine, one, setting }) => {
    if (engine === "postgres") {
      const standby = (await one("SELECT pg_is_in_recovery()::text")) === "true";
      if (standby) return [{ seen: "this server is a standby that follows another one" }];
      const off = setting("default_transaction_read_only") === "on";
      return signIf(off, "default_transaction_read_only is on");
    }
    // MariaDB from 12 on has more than two values.
    const closed = !["OFF", "0"].includes(setting("read_only") ?? "OFF");
    return signIf(closed, `read_only is ${setting("read_only")}`);
  },
};

const clockSkew: Check = {
  id: "clock-skew",
  severity: "warning",
  engines: SERVERS,
  why: "Retention and leases go by the server's clock alone; but `newKey()` takes this machine's, and a key of tomorrow or of last week misses its partition and its place in the index.",
  fix: "Run NTP (chrony, systemd-timesyncd) on both machines.",
  examine: async ({ engine, one, now }) => {
    const sql =
      engine === "postgres"
        ? "SELECT extract(epoch FROM clock_timestamp()) * 1000"
        : "SELECT UNIX_TIMESTAMP(SYSDATE(6)) * 1000";
    const before = now();
    const server = Number(await one(sql));
    const after = now();
    // How long the answer took is no skew.
    const skewMs = server < before ? before - server : server > after ? server - after : 0;
    const seconds = (skewMs / 1_000).toFixed(1);
    const direction = server < before ? "behind" : "ahead of";
    return signIf(skewMs > SKEW_MS_MAX, `the server's clock is ${seconds} s ${direction} this machine's`);
  },
};

const connections: Check = {
  id: "connections",
  severity: "warning",
  engines: SERVERS,
  why: "A duplicate waits on a connection of its own. On a full server new work is refused, and what was begun cannot be resolved.",
  fix: "Raise max_connections, make the pools smaller, or put a pooler in between.",
  examine: async ({ engine, one, setting }) => {
    const sql =
      engine === "postgres"
        ? "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        : "SELECT VARIABLE_VALUE FROM STATUS WHERE VARIABLE_NAME = 'THREADS_CONNECTED'";
    const used = Number(await one(engine === "postgres" ? sql : statusSql(engine, sql)));
    const max = Number(setting("max_connections"));
    return signIf(used >= max * CONNECTIONS_SHARE_MAX, `${used} of ${max} connections are taken`);
  },
};

/** Where the engines keep their status. */
export function statusSql(engine: Patient["engine"], sql: string): string {
  const table = engine === "mysql" ? "performance_schema.global_status" : "information_schema.GLOBAL_STATUS";
  return sql.replace("STATUS", table);
}

/** A time limit of the server, by what it ends. */
interface Limit {
  readonly setting: string;
  /** Milliseconds of one unit. */
  readonly unitMs: number;
}

const STATEMENT_LIMITS: readonly Limit[] = [
  { setting: "statement_timeout", unitMs: 1 },
  { setting: "transaction_timeout", unitMs: 1 },
  { setting: "idle_in_transaction_session_timeout", unitMs: 1 },
  { setting: "max_execution_time", unitMs: 1 },
  { setting: "max_statement_time", unitMs: 1_000 },
];

const LOCK_LIMITS: readonly Limit[] = [
  { setting: "lock_timeout", unitMs: 1 },
  { setting: "innodb_lock_wait_timeout", unitMs: 1_000 },
];

function below({ setting, waitMs }: Patient, limits: readonly Limit[]): Sign[] {
  return limits.flatMap((limit) => {
    const limitMs = Number(setting(limit.setting) ?? 0) * limit.unitMs;
    // Zero is no limit.
    return [
      ...signIf(
        limitMs > 0 && limitMs < waitMs,
        `${limit.setting} is ${limitMs} ms, and duplicates wait ${waitMs} ms`,
      ),
    ];
  });
}

const statementTimeout: Check = {
  id: "statement-timeout",
  severity: "warning",
  engines: SERVERS,
  why: "The server cancels a duplicate that waits for the first run, or ends the work's transaction, before `waitMs` is over; callers get the server's error and not OPLEDGER_IN_PROGRESS.",
  fix: "Set `waitMs` below the limit, or raise the limit for the application's role.",
  examine: (patient) => below(patient, STATEMENT_LIMITS),
};

const lockTimeout: Check = {
  id: "lock-timeout",
  severity: "note",
  engines: SERVERS,
  why: "opledger bounds its own waits by `waitMs`; the work's own statements give up earlier, and the whole operation is then rolled back and tried again.",
  fix: "Where the work meets hot rows, raise the limit for the application's role to `waitMs` or so.",
  examine: (patient) => below(patient, LOCK_LIMITS),
};

export const COMMON_CHECKS: readonly Check[] = [
  readOnly,
  clockSkew,
  connections,
  statementTimeout,
  lockTimeout,
];
