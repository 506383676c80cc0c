import type { Patient } from "./check.js";

/** What a table is made of, one line each; two ledgers of the same lines are the same to opledger. */
export type Shape = readonly string[];

const POSTGRES_COLUMNS = `
SELECT 'column ' || attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END ||
  CASE WHEN atthasdef THEN ' default' ELSE '' END AS line
FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`;

const POSTGRES_KEYS = `
SELECT CASE WHEN indisprimary THEN 'primary key ' WHEN indisunique THEN 'unique ' ELSE 'index ' END ||
  '(' || array_to_string(ARRAY(SELECT pg_get_indexdef(indexrelid, n, false) FROM generate_series(1, indnkeyatts) AS n), ', ') || ')' ||
  CASE WHEN indisvalid THEN '' ELSE ' invalid' END AS line
FROM pg_index WHERE indrelid = $1::regclass`;

const POSTGRES_CHECKS = `
SELECT 'check ' || pg_get_constraintdef(oid) AS line FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'`;

/** Of the trigger's type 4 is INSERT, 16 is UPDATE, and 1 is FOR EACH ROW. */
const POSTGRES_TRIGGERS = `
SELECT 'trigger ' || replace(tgname::text, $2, 'ledger') || CASE WHEN tgtype & 21 = 21 THEN ' on insert and update' ELSE '' END ||
  CASE WHEN tgdeferrable AND tginitdeferred THEN ' at commit' ELSE '' END ||
  CASE WHEN tgenabled IN ('O', 'A') THEN '' ELSE ' disabled' END AS line
FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal`;

const POSTGRES_TABLE = `
SELECT CASE WHEN relpersistence = 'p' THEN 'logged' ELSE 'unlogged' END || CASE WHEN relrowsecurity THEN ' with row-level security' ELSE '' END AS line
FROM pg_class WHERE oid = $1::regclass`;

const MYSQL_COLUMNS = `
SELECT CONCAT('column ', COLUMN_NAME, ' ', COLUMN_TYPE, IF(COLLATION_NAME IS NULL, '', CONCAT(' ', COLLATION_NAME)),
  IF(IS_NULLABLE = 'NO', ' not null', ''), IF(COLUMN_DEFAULT IS NULL OR COLUMN_DEFAULT = 'NULL', '', ' default')) AS line
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`;

const MYSQL_KEYS = `
SELECT CONCAT(IF(INDEX_NAME = 'PRIMARY', 'primary key ', IF(NON_UNIQUE = 0, 'unique ', 'index ')),
  '(', GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ', '), ')') AS line
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? GROUP BY INDEX_NAME, NON_UNIQUE`;

const MYSQL_TABLE = `
SELECT CONCAT('engine ', ENGINE) AS line FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`;

const MYSQL_ROUTINES = `
SELECT CONCAT('procedure ', REPLACE(ROUTINE_NAME, ?, 'ledger')) AS line FROM information_schema.ROUTINES
WHERE ROUTINE_TYPE = 'PROCEDURE' AND ROUTINE_SCHEMA = COALESCE(?, DATABASE()) AND ROUTINE_NAME IN (?, ?, ?)`;

const SQLITE_COLUMNS = `
SELECT 'column ' || name || ' ' || type || CASE WHEN "notnull" THEN ' not null' ELSE '' END AS line FROM pragma_table_info(?, ?)`;

const SQLITE_KEYS = `
SELECT CASE WHEN origin = 'pk' THEN 'primary key ' WHEN "unique" THEN 'unique ' ELSE 'index ' END ||
  '(' || (SELECT group_concat(name, ', ') FROM pragma_index_info(list.name, ?)) || ')' AS line FROM pragma_index_list(?, ?) AS list`;

const SQLITE_TABLE = `
SELECT 'table' || CASE WHEN strict THEN ' strict' ELSE '' END || CASE WHEN wr THEN ' without rowid' ELSE '' END AS line
FROM pragma_table_list(?) WHERE schema = ?`;

const COLUMNS_POSTGRES = [
  ...["column id uuid not null", "column scope text not null", "column operation text not null"],
  ...["column key text not null", "column fingerprint bytea not null", "column state smallint not null"],
  ...["column result bytea", "column created_at timestamp with time zone not null"],
  ...["column expires_at timestamp with time zone not null", "primary key (id)", "index (expires_at)"],
];

const COLUMNS_MYSQL = [
  ...["column id binary(16) not null", "column scope varchar(255) utf8mb4_bin not null"],
  ...["column operation varchar(255) utf8mb4_bin not null", "column key varchar(255) utf8mb4_bin not null"],
  ...["column fingerprint binary(32) not null", "column result mediumblob"],
  ...["column created_at datetime(6) not null", "column expires_at datetime(6) not null"],
  ...["primary key (id)", "index (expires_at)", "engine InnoDB", "check ledger_state_check"],
];

const PROCEDURES = ["open", "write", "close"] as const;

/** What the migrations leave; a test holds it against a database that they were run on. */
export const GOLDEN: Readonly<Record<Patient["engine"], Shape>> = {
  postgres: [
    ...COLUMNS_POSTGRES,
    ...["logged", "check CHECK (((state >= 0) AND (state <= 2)))"],
    "trigger ledger_finished on insert and update at commit",
  ],
  // MariaDB still writes how wide an integer is shown.
  mariadb: [...COLUMNS_MYSQL, "column state tinyint(4) not null"],
  mysql: [
    ...COLUMNS_MYSQL,
    "column state tinyint not null",
    ...PROCEDURES.map((name) => `procedure ledger_${name}`),
  ],
  sqlite: [
    ...["column id BLOB not null", "column scope TEXT not null", "column operation TEXT not null"],
    ...["column key TEXT not null", "column fingerprint BLOB not null", "column state INTEGER not null"],
    ...["column result BLOB", "column created_at INTEGER not null", "column expires_at INTEGER not null"],
    ...["primary key (id)", "index (expires_at)", "table strict without rowid"],
  ],
};

/** What the ledger's table is made of. */
export async function readShape(patient: Patient): Promise<Shape> {
  const { engine, ledger, schema, table } = patient;
  const lines = async (sql: string, values: readonly unknown[]): Promise<string[]> =>
    (await patient.rows(sql, values)).map(({ line }) => String(line));
  if (engine === "postgres") {
    return [
      ...(await lines(POSTGRES_COLUMNS, [ledger])),
      ...(await lines(POSTGRES_KEYS, [ledger])),
      ...(await lines(POSTGRES_CHECKS, [ledger])),
      ...(await lines(POSTGRES_TRIGGERS, [ledger, table])),
      ...(await lines(POSTGRES_TABLE, [ledger])),
    ];
  }
  if (engine === "sqlite") {
    const database = schema ?? "main";
    return [
      ...(await lines(SQLITE_COLUMNS, [table, database])),
      ...(await lines(SQLITE_KEYS, [database, table, database])),
      ...(await lines(SQLITE_TABLE, [table, database])),
    ];
  }
  const routines = PROCEDURES.map((name) => `${table}_${name}`);
  return [
    ...(await lines(MYSQL_COLUMNS, [schema, table])),
    ...(await lines(MYSQL_KEYS, [schema, table])),
    ...(await lines(MYSQL_TABLE, [schema, table])),
    ...(await mysqlChecks(patient)),
    ...(await lines(MYSQL_ROUTINES, [table, schema, ...routines])),
  ];
}

/** MariaDB's information_schema keeps them from users who have rights on the table alone. */
async function mysqlChecks({ rows, ledger, table }: Patient): Promise<readonly string[]> {
  const [made] = await rows(`SHOW CREATE TABLE ${ledger}`);
  const text = String(made?.["Create Table"]);
  // With ANSI_QUOTES in sql_mode names are in double quotes.
  return [...text.matchAll(/^ *CONSTRAINT (["`])(.+)\1 CHECK /gm)].map(
    ([, quote = "", name = ""]) => `check ${name.replaceAll(quote + quote, quote).replace(table, "ledger")}`,
  );
}

/** What of a ledger's making is lacking, and what was added that opledger's statements would fail on. */
export function differences(golden: Shape, actual: Shape): readonly string[] {
  const lacking = golden.filter((line) => !actual.includes(line));
  const added = actual.filter((line) => !golden.includes(line) && hinders(line));
  return [...lacking.map((line) => `lacks ${found(line, actual)}`), ...added.map((line) => `has ${line}`)];
}

/** Columns that must be given a value, unique keys and triggers of others; further columns and indexes do no harm. */
function hinders(line: string): boolean {
  return (
    (/^column .* not null$/.test(line) || /^unique /.test(line)) &&
    !/^column (id|scope|operation|key|fingerprint|state|result|created_at|expires_at) /.test(line)
  );
}

/** What is lacking, with what is in its place. */
function found(line: string, actual: Shape): string {
  const [kind, name] = line.split(" ");
  const instead = actual.find((each) => each.startsWith(`${kind} ${name} `) || each === `${kind} ${name}`);
  const other = instead ?? actual.find((each) => kind === "logged" && each.startsWith("unlogged"));
  return other === undefined || kind === "index" ? line : `${line} (it is ${other})`;
}
