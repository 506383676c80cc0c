import { CLASH_TABLES, WEIRD } from "../conformance/tables.js";
import type { Sample } from "../conformance/target.js";

/** A column of `samples` for each of SQLite's types, and a value for it. */
const SAMPLE_COLUMNS: readonly (readonly [column: string, type: string, value: unknown])[] = [
  ["whole", "INTEGER", 7],
  ["real8", "REAL", 0.1 + 0.2],
  ["letters", "TEXT", 'tab\t newline\n back\\slash "quote" \u{1F600} \u2028 e\u0301 ? :a'],
  ["empty", "TEXT", ""],
  ["nothing", "TEXT", null],
];

export const SQLITE_SAMPLES: readonly Sample[] = SAMPLE_COLUMNS.map(([column, , value]) => ({
  column,
  value,
}));

const SAMPLES = SAMPLE_COLUMNS.map(([column, type]) => `"${column}" ${type}`).join(", ");

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Statements by which work would begin or end a transaction. */
export const ENDINGS: readonly string[] = [
  "COMMIT",
  "rollback",
  "  -- a comment\n /* and */ END",
  "BEGIN",
  "BEGIN IMMEDIATE",
  "END TRANSACTION",
  "; COMMIT",
];

/** Makes of a ledger one that lacks columns. */
export function outdated(table: string): string[] {
  return [`DROP TABLE ${quote(table)}`, `CREATE TABLE ${quote(table)} (id BLOB PRIMARY KEY, result BLOB)`];
}

const TABLES = [
  "effects (op TEXT, note TEXT)",
  "entries (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT, amount BIGINT, tag TEXT, doc TEXT)",
  "accounts (id INTEGER PRIMARY KEY, owner TEXT, status TEXT, balance BIGINT, credit DECIMAL(12,2) DEFAULT 0, version INTEGER)",
  "carts (id INTEGER PRIMARY KEY, owner TEXT, item TEXT)",
  "payments (id TEXT PRIMARY KEY, amount BIGINT NOT NULL)",
  "users (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL UNIQUE, name TEXT, visits INTEGER DEFAULT 0)",
  "defaults_only (id INTEGER PRIMARY KEY AUTOINCREMENT, flag INTEGER DEFAULT 1, made_at DATETIME DEFAULT CURRENT_TIMESTAMP)",
  "checked (id INTEGER PRIMARY KEY, amount INTEGER CHECK (amount >= 0))",
  "computed (id INTEGER PRIMARY KEY, base INTEGER, doubled INTEGER GENERATED ALWAYS AS (base * 2) STORED)",
  "pairs (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, UNIQUE (a, b))",
  "numbered_pairs (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b INTEGER, UNIQUE (a, b))",
  "lowered (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT UNIQUE)",
  `samples (id INTEGER PRIMARY KEY, at DATETIME, ${SAMPLES})`,
  "growing (id INTEGER PRIMARY KEY, n BIGINT DEFAULT 0, version INTEGER DEFAULT 1)",
  "spare (id INTEGER PRIMARY KEY, position INTEGER, n INTEGER)",
  "stamped (id INTEGER PRIMARY KEY, name TEXT, stamp TEXT)",
  "watched (id TEXT PRIMARY KEY, n BIGINT DEFAULT 0, version INTEGER DEFAULT 1, writes INTEGER DEFAULT 1)",
  "watched_log (id TEXT)",
  `${quote(WEIRD.table)} (${quote(WEIRD.id)} INTEGER PRIMARY KEY, ${quote(WEIRD.text)} TEXT, ${quote(WEIRD.number)} BIGINT, ${quote(WEIRD.version)} INTEGER)`,
  "elsewhere (id INTEGER PRIMARY KEY, n INTEGER)",
];

const STAMP = "UPDATE stamped SET stamp = 'stamped:' || NEW.name WHERE id = NEW.id";
const LOWER = "UPDATE lowered SET email = lower(NEW.email) WHERE id = NEW.id";

const TRIGGERS = [
  `CREATE TRIGGER lower_insert AFTER INSERT ON lowered BEGIN ${LOWER}; END`,
  `CREATE TRIGGER stamp_insert AFTER INSERT ON stamped BEGIN ${STAMP}; END`,
  `CREATE TRIGGER stamp_update AFTER UPDATE OF name ON stamped BEGIN ${STAMP}; END`,
  "CREATE TRIGGER watch AFTER UPDATE OF n, version ON watched BEGIN UPDATE watched SET writes = OLD.writes + 1 WHERE id = NEW.id; END",
  "CREATE TRIGGER watch_delete AFTER DELETE ON watched BEGIN INSERT INTO watched_log VALUES (OLD.id); END",
];

/** The statements that make the fixture's tables. */
export function fixtureSchema(): string[] {
  const clashing = CLASH_TABLES.flatMap((name) => [
    `${quote(name)} (id INTEGER PRIMARY KEY, n BIGINT, version INTEGER DEFAULT 1)`,
    `${quote(`col_${name}`)} (id INTEGER PRIMARY KEY, ${quote(name)} INTEGER DEFAULT 0, version INTEGER DEFAULT 1)`,
  ]);
  return [...[...TABLES, ...clashing].map((table) => `CREATE TABLE ${table}`), ...TRIGGERS];
}
