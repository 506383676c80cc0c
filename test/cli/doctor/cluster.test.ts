import { existsSync } from "node:fs";
import mysql from "mysql2/promise";
import { afterAll, expect, it } from "vitest";
import { freePort } from "../../servers/system.js";
import type { Server } from "../../servers/types.js";
import { diagnose, ownServer } from "./diagnose.js";

const GALERA = "/usr/lib/galera/libgalera_smm.so";

const servers: Server[] = [];
afterAll(async () => {
  for (const each of servers) await each.stop();
});

/** What a check sees of a server. */
async function seen(server: Server, id: string): Promise<string[]> {
  const { findings, passed } = await diagnose(server.url);
  const found = findings.filter((each) => each.id === id).map((each) => each.seen);
  return passed.includes(id) ? ["passed"] : found;
}

it.skipIf(!existsSync(GALERA))(
  "finds a Galera node that has left its cluster",
  { timeout: 120_000 },
  async ({ skip }) => {
    const port = await freePort();
    const server = await ownServer("mariadb", {
      settings: {
        "wsrep-on": "ON",
        "wsrep-provider": GALERA,
        "wsrep-cluster-address": "gcomm://",
        "wsrep-node-address": "127.0.0.1",
        "wsrep-provider-options": `gmcast.listen_addr=tcp://127.0.0.1:${port}`,
        "binlog-format": "ROW",
        "innodb-autoinc-lock-mode": "2",
      },
    });
    if (server === undefined) return skip();
    servers.push(server);
    expect(await seen(server, "galera-state")).toEqual(["passed"]);
    const admin = await mysql.createConnection(server.url);
    await admin.query("SET GLOBAL wsrep_cluster_address = ''");
    await admin.end();
    expect(await seen(server, "galera-state")).toEqual([
      "wsrep_ready is OFF, and the component is Disconnected",
    ]);
  },
);

it("finds a member that has left its replication group", { timeout: 120_000 }, async ({ skip }) => {
  const local = `127.0.0.1:${await freePort()}`;
  const server = await ownServer("mysql", {
    settings: {
      "server-id": "1",
      "log-bin": "bin",
      "gtid-mode": "ON",
      "enforce-gtid-consistency": "ON",
      "plugin-load-add": "group_replication.so",
      "loose-group-replication-group-name": "7c0a5b0e-5d1c-4d1e-9a53-1a2b3c4d5e6f",
      "loose-group-replication-local-address": local,
      "loose-group-replication-group-seeds": local,
      "loose-group-replication-start-on-boot": "OFF",
    },
  });
  if (server === undefined) return skip();
  servers.push(server);
  const admin = await mysql.createConnection(server.url);
  await admin.query("SET GLOBAL group_replication_bootstrap_group = ON");
  await admin.query("START GROUP_REPLICATION");
  expect(await seen(server, "group-replication-state")).toEqual(["passed"]);
  await admin.query("STOP GROUP_REPLICATION");
  await admin.end();
  expect(await seen(server, "group-replication-state")).toEqual([
    "this member is OFFLINE, and 0 of 1 are ONLINE",
  ]);
});
