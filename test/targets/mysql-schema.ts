import { CLASH_TABLES, WEIRD } from "../conformance/tables.js";

/** A column of `samples` per type that mysql2 or the servers treat specially: its definition, and a value for it. */
export const SAMPLE_COLUMNS: readonly (readonly [column: string, type: string, value: unknown])[] = [
  ["big", "bigint", "9007199254740993"],
  ["bigger", "bigint unsigned", "18446744073709551615"],
  ["whole", "int", 7],
  ["tiny", "tinyint", -5],
  ["flag", "boolean", true],
  ["exact", "decimal(20,4)", "12.5000"],
  ["wide", "decimal(65,0)", "1e30"],
  ["real4", "float", 0.5],
  ["real8", "double", 0.1 + 0.2],
  ["at", "timestamp(3) NULL", new Date("2024-02-29T23:59:59.123Z")],
  ["local_at", "datetime(3)", new Date("2024-02-29T23:59:59.123Z")],
  ["local_text", "datetime(6)", "2024-02-29 23:59:59.123456"],
  ["day", "date", "2024-02-29"],
  ["clock", "time", "23:59:59"],
  ["span", "time", "-838:59:59"],
  ["in_year", "year", 2024],
  ["bytes", "varbinary(50)", Buffer.from([0, 1, 127, 128, 255])],
  ["no_bytes", "blob", Buffer.alloc(0)],
  ["padded", "binary(6)", Buffer.from([1, 2, 0, 0, 0, 0])],
  ["doc", "json", { b: [1, 2.5, null], a: { "": "é", quote: '"' } }],
  ["doc_text", "json", '{"b": 1,  "a": 1e2}'],
  ["mood", "enum('sad','so-so','happy')", "so-so"],
  ["moods", "set('sad','so-so','happy')", "sad,happy"],
  ["bits", "bit(3)", 5],
  ["char5", "char(5)", "ab"],
  ["letters", "text", 'tab\t newline\n back\\slash "quote" \u{1F600} \u2028 e\u0301 ? :a'],
  ["latin", "varchar(20) CHARACTER SET latin1", "é"],
  ["empty", "text", ""],
  ["nothing", "text", null],
];

const SAMPLES = SAMPLE_COLUMNS.map(([column, type]) => `\`${column}\` ${type}`).join(", ");

export function quote(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

const TABLES = [
  "effects (op varchar(200), note text)",
  "entries (id int AUTO_INCREMENT PRIMARY KEY, note text, amount bigint, tag mediumtext, doc json)",
  "accounts (id int PRIMARY KEY, owner varchar(200), status varchar(200), balance bigint, credit decimal(12,2) DEFAULT 0, version int, KEY (owner))",
  "carts (id int PRIMARY KEY, owner text, item text)",
  "payments (id varchar(200) PRIMARY KEY, amount bigint NOT NULL)",
  "users (id int AUTO_INCREMENT PRIMARY KEY, email varchar(200) NOT NULL UNIQUE, name text, visits int DEFAULT 0)",
  "defaults_only (id int AUTO_INCREMENT PRIMARY KEY, flag boolean DEFAULT true, made_at datetime(3) DEFAULT now(3))",
  "checked (id int PRIMARY KEY, amount int CHECK (amount >= 0))",
  "computed (id int PRIMARY KEY, base int, doubled int GENERATED ALWAYS AS (base * 2) STORED)",
  "pairs (id int PRIMARY KEY, a varchar(200), b int, UNIQUE (a, b))",
  "numbered_pairs (id int AUTO_INCREMENT PRIMARY KEY, a varchar(200), b int, UNIQUE (a, b))",
  "lowered (id int AUTO_INCREMENT PRIMARY KEY, email varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin UNIQUE)",
  `samples (id int PRIMARY KEY, ${SAMPLES})`,
  "growing (id int PRIMARY KEY, n bigint DEFAULT 0, version int DEFAULT 1)",
  "spare (id int PRIMARY KEY, position int, n int)",
  "stamped (id int PRIMARY KEY, name varchar(200), stamp varchar(200))",
  "watched (id varchar(200) PRIMARY KEY, n bigint DEFAULT 0, version int DEFAULT 1, writes int DEFAULT 1)",
  "watched_log (id varchar(200))",
  `${quote(WEIRD.table)} (${quote(WEIRD.id)} int PRIMARY KEY, ${quote(WEIRD.text)} text, ${quote(WEIRD.number)} bigint, ${quote(WEIRD.version)} int)`,
];

const TRIGGERS = [
  "CREATE TRIGGER lower_insert BEFORE INSERT ON lowered FOR EACH ROW SET NEW.email = LOWER(NEW.email)",
  "CREATE TRIGGER stamp_insert BEFORE INSERT ON stamped FOR EACH ROW SET NEW.stamp = CONCAT('stamped:', NEW.name)",
  "CREATE TRIGGER stamp_update BEFORE UPDATE ON stamped FOR EACH ROW SET NEW.stamp = CONCAT('stamped:', NEW.name)",
  "CREATE TRIGGER watch BEFORE UPDATE ON watched FOR EACH ROW SET NEW.writes = OLD.writes + 1",
  "CREATE TRIGGER watch_delete AFTER DELETE ON watched FOR EACH ROW INSERT INTO watched_log VALUES (OLD.id)",
];

/** The statements that make the fixture's tables. */
export function fixtureSchema(side: string): string[] {
  const clashing = CLASH_TABLES.flatMap((name) => [
    `${quote(name)} (id int PRIMARY KEY, n bigint, version int DEFAULT 1)`,
    `${quote(`col_${name}`)} (id int PRIMARY KEY, ${quote(name)} int DEFAULT 0, version int DEFAULT 1)`,
  ]);
  const tables = [...TABLES, ...clashing].map((table) => `CREATE TABLE ${table} ENGINE = InnoDB`);
  return [
    ...tables,
    ...TRIGGERS,
    `CREATE TABLE ${quote(side)}.elsewhere (id int PRIMARY KEY, n int) ENGINE = InnoDB`,
  ];
}
