import { CLASH_TABLES, WEIRD } from "../conformance/tables.js";

/** A column of `samples` per type that pg or PostgreSQL treats specially: its definition, and a value for it. */
export const SAMPLE_COLUMNS: readonly (readonly [column: string, type: string, value: unknown])[] = [
  ["big", "int8", "9007199254740993"],
  ["whole", "int4", 7],
  ["exact", "numeric(20,4)", "12.5000"],
  ["wide", "numeric", "1e30"],
  ["not_a_number", "numeric", "NaN"],
  ["real4", "float4", 0.1],
  ["real8", "float8", 0.1 + 0.2],
  ["endless", "float8", "-Infinity"],
  ["at", "timestamptz", new Date("2024-02-29T23:59:59.123Z")],
  ["local_at", "timestamp", "2024-02-29 23:59:59.123456"],
  ["day", "date", "2024-02-29"],
  ["day_bc", "timestamp", "0044-03-15 12:00:00 BC"],
  ["clock", "time", "23:59:59.5"],
  ["clock_tz", "timetz", "23:59:59+05:30"],
  ["span", "interval", "1 year 2 mons -3 days +04:05:06.789"],
  ["bytes", "bytea", Buffer.from([0, 1, 127, 128, 255])],
  ["no_bytes", "bytea", Buffer.alloc(0)],
  ["texts", "text[]", ["a", 'quo"te', "com,ma", "NULL", "", "back\\slash"]],
  ["numbers", "int8[]", ["1", "9007199254740993"]],
  ["grid", "int4[]", "{{1,2},{3,4}}"],
  ["none", "int4[]", []],
  ["holes", "int4[]", [1, null, 3]],
  ["moments", "timestamptz[]", "{2024-01-01T00:00:00Z,2025-01-01T00:00:00Z}"],
  ["blobs", "bytea[]", [Buffer.from([1, 2]), Buffer.from("\\x")]],
  ["doc", "jsonb", { b: [1, 2.5, null], a: { "": "é", quote: '"' } }],
  ["doc_text", "json", '{"b": 1,  "a": 1e2, "a": 2}'],
  ["doc_null", "jsonb", "null"],
  ["doc_string", "jsonb", '"text"'],
  ["docs", "jsonb[]", '{"{\\"a\\": 1}","[1,2]"}'],
  ["mood", "mood", "so-so"],
  ["moods", "mood[]", "{happy,so-so}"],
  ["positive", "positive", 5],
  ["uuid", "uuid", "0190a5a5-0000-7000-8000-000000000000"],
  ["address", "inet", "10.0.0.1/8"],
  ["bits", "bit(3)", "101"],
  ["padded", "char(5)", "ab"],
  ["flag", "boolean", false],
  ["letters", "text", 'tab\t newline\n back\\slash "quote" \u{1F600} \u2028 e\u0301'],
  ["empty", "text", ""],
  ["span_range", "int4range", "[1,5)"],
  ["point", "pair", '(1,"two, three")'],
  ["points", "pair[]", '{"(1,a)","(2,b)"}'],
  ["spot", "point", "(1.5,2.5)"],
  ["money", "money", "12.34"],
  ["vector", "tsvector", "'cat':1 'dog':2"],
  ["nothing", "text", null],
];

const SAMPLES = SAMPLE_COLUMNS.map(([column, type]) => `"${column}" ${type}`).join(", ");

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

const TYPES = `
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'happy');
CREATE TYPE pair AS (first int, second text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN mandatory AS text NOT NULL;`;

const PLAIN = `
CREATE TABLE effects (op text, note text);
CREATE TABLE entries (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, amount int8, tag text, doc jsonb);
CREATE TABLE accounts (id int PRIMARY KEY, owner text, status text, balance int8, credit numeric(12,2) DEFAULT 0, version int);
CREATE TABLE carts (id int PRIMARY KEY, owner text, item text);
CREATE TABLE payments (id text PRIMARY KEY, amount int8 NOT NULL);
CREATE TABLE defaults_only (id serial PRIMARY KEY, flag boolean DEFAULT true, made_at timestamptz DEFAULT now());
CREATE TABLE checked (id int PRIMARY KEY, amount int CHECK (amount >= 0));
CREATE TABLE computed (id int PRIMARY KEY, base int, doubled int GENERATED ALWAYS AS (base * 2) STORED);
CREATE TABLE samples (id int PRIMARY KEY, ${SAMPLES});
CREATE TABLE growing (id int PRIMARY KEY, n int8 DEFAULT 0, version int DEFAULT 1);
CREATE TABLE spare (id int PRIMARY KEY, position int, n int);
CREATE TABLE pairs (id int PRIMARY KEY, a text, b text, UNIQUE (a, b));
CREATE TABLE numbered_pairs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text, b text, UNIQUE (a, b));
CREATE SCHEMA side;
CREATE TABLE side.elsewhere (id int PRIMARY KEY, n int);`;

/** `watched` counts the updates of a row, and `watched_log` its removals, so that a lost or doubled write shows. */
const TRIGGERS = `
CREATE TABLE stamped (id int PRIMARY KEY, name text, stamp text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.stamp = 'stamped:' || NEW.name; RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE lowered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE);
CREATE FUNCTION lowered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email = lower(NEW.email); RETURN NEW; END $$;
CREATE TRIGGER lowered BEFORE INSERT OR UPDATE ON lowered FOR EACH ROW EXECUTE FUNCTION lowered();
CREATE TABLE watched (id text PRIMARY KEY, n int8 DEFAULT 0, version int DEFAULT 1, writes int DEFAULT 1);
CREATE TABLE watched_log (id text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.writes = OLD.writes + 1; RETURN NEW; END $$;
CREATE FUNCTION watch_delete() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO watched_log VALUES (OLD.id); RETURN NULL; END $$;
CREATE TRIGGER watch BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION watch();
CREATE TRIGGER watch_delete AFTER DELETE ON watched FOR EACH ROW EXECUTE FUNCTION watch_delete();`;

const USERS = `
CREATE TABLE users (id int GENERATED ALWAYS AS IDENTITY, email text NOT NULL UNIQUE, name text, visits int DEFAULT 0)`;

/** Partitioned by what is unique; one of the partitions is foreign to nobody, so that routing is at work. */
const PARTITIONED_USERS = `${USERS} PARTITION BY HASH (email);
CREATE TABLE users_0 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE users_1 PARTITION OF users FOR VALUES WITH (MODULUS 2, REMAINDER 1)`;

const ODD = `
CREATE TABLE ${quote(WEIRD.table)} (${quote(WEIRD.id)} int PRIMARY KEY, ${quote(WEIRD.text)} text, ${quote(WEIRD.number)} int8, ${quote(WEIRD.version)} int);
${CLASH_TABLES.map((name) => `CREATE TABLE col_${name} (id int PRIMARY KEY, ${quote(name)} int DEFAULT 0, version int DEFAULT 1);`).join("\n")}
${CLASH_TABLES.map((name) => `CREATE TABLE ${quote(name)} (id int PRIMARY KEY, n int8, version int DEFAULT 1);`).join("\n")}`;

export function fixtureSchema(partitioned: boolean): string {
  return [TYPES, PLAIN, TRIGGERS, `${partitioned ? PARTITIONED_USERS : USERS};`, ODD].join("\n");
}
