import { createLedger, type MysqlConnectionLike } from "../../adapters/mysql2/index.js";
import type { Row } from "../../core/executor.js";
import type { Client, ConnectOptions } from "./client.js";
import { loadDriver } from "./drivers.js";
import { CONNECT_MS } from "./postgres.js";

/** What of `mysql2/promise` is used here. */
interface Mysql2Module {
  createConnection(config: {
    uri: string;
    connectTimeout: number;
    supportBigNumbers: boolean;
  }): Promise<Connection>;
}

type Connection = MysqlConnectionLike & {
  query(sql: string, values: readonly unknown[]): Promise<[unknown, unknown]>;
  end(): Promise<void>;
  on(event: "error", listener: () => void): unknown;
};

export async function connectMysql(target: string, { cwd }: ConnectOptions): Promise<Client> {
  const { module } = await loadDriver(["mysql2/promise"], cwd);
  const mysql = (module.default ?? module) as Mysql2Module;
  const connection = await mysql.createConnection({
    uri: target,
    connectTimeout: CONNECT_MS,
    supportBigNumbers: true,
  });
  // Without a listener a connection that breaks between two statements would end the process; the next one tells.
  connection.on("error", () => undefined);
  const query: Client["query"] = async (sql, values = []) => {
    const [answer] = await connection.query(sql, values);
    if (Array.isArray(answer)) return { rows: answer as Row[], affected: answer.length };
    return { rows: [], affected: (answer as { affectedRows: number }).affectedRows };
  };
  const { rows } = await query("SELECT VERSION() AS version");
  const version = String(rows[0]?.version);
  const engine = /mariadb/i.test(version) ? "mariadb" : "mysql";
  return {
    engine,
    version,
    driver: "mysql2",
    query,
    ledger: ({ schema, table }) => createLedger(connection, { schema, table, engine, prepare: false }),
    close: () => connection.end(),
  };
}
