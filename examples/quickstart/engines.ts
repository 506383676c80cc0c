import { mariadb, mysqlEngine } from "./mysql.js";
import { postgres } from "./postgres.js";
import type { Engine } from "./service.js";

export const ENGINES = { postgres, mariadb, mysql: mysqlEngine } as const satisfies Record<string, Engine>;
export type EngineName = keyof typeof ENGINES;
