import { type Check, POSTGRES, signIf } from "../check.js";

/** A check of one setting that must be on. */
function mustBeOn(id: string, name: string, why: string): Check {
  return {
    id,
    severity: "error",
    engines: POSTGRES,
    why,
    fix: `ALTER SYSTEM SET ${name} = on; SELECT pg_reload_conf();`,
    examine: ({ setting }) => signIf(setting(name) === "off", `${name} is off`),
  };
}

const synchronousCommit: Check = {
  ...mustBeOn(
    "synchronous-commit-off",
    "synchronous_commit",
    "The server acknowledges a commit before it is on disk. A crash loses what was acknowledged, ledger and effect together: whoever was told that it happened is wrong, and a retry executes again.",
  ),
  fix: "ALTER ROLE … RESET synchronous_commit, or SET synchronous_commit = on for the role that opledger runs as; it may stay off for others.",
};

const fsync: Check = mustBeOn(
  "fsync-off",
  "fsync",
  "After a crash of the machine anything may be lost or damaged, the ledger's unique index included.",
);

const fullPageWrites: Check = mustBeOn(
  "full-page-writes-off",
  "full_page_writes",
  "A crash in the middle of writing a page can leave half of it old: ledger rows and index entries then disagree.",
);

const asynchronousReplica: Check = {
  id: "asynchronous-replica",
  severity: "warning",
  engines: POSTGRES,
  why: "A failover to a standby that has not got the last commits loses them, ledger and effect together; a retry then executes again. Effects outside of the database are not lost with them.",
  fix: "Set synchronous_standby_names (`ANY 1 (…)`), or accept it and reconcile effects outside of the database after a failover.",
  examine: async ({ rows }) => {
    const standbys = await rows(
      "SELECT coalesce(nullif(application_name, ''), client_addr::text, 'unnamed') AS name, sync_state FROM pg_stat_replication WHERE state <> 'backup'",
    );
    const synchronous = standbys.some(({ sync_state }) => sync_state === "sync" || sync_state === "quorum");
    const names = standbys.map(({ name }) => String(name)).join(", ");
    return signIf(standbys.length > 0 && !synchronous, `every standby follows asynchronously: ${names}`);
  },
};

const transactionPooler: Check = {
  id: "transaction-pooler",
  severity: "note",
  engines: POSTGRES,
  why: "Two connections shared one server process: a pooler in transaction mode is in between. opledger needs no session state, and after a few refusals prepares no more; only each new process pays for the refusals.",
  fix: "Give `createLedger` the option `prepare: false`, and set waits and timeouts on the server's role instead of on the session.",
  examine: async ({ one, beside }) => {
    const own = await one("SELECT pg_backend_pid()");
    // The first connection is still open, so that its process can serve nobody else, unless a pooler lends it.
    const other = await beside((second) => second.one("SELECT pg_backend_pid()"));
    return signIf(own !== undefined && own === other, `two connections are served by process ${own}`);
  },
};

export const POSTGRES_CHECKS: readonly Check[] = [
  synchronousCommit,
  fsync,
  fullPageWrites,
  asynchronousReplica,
  transactionPooler,
];
