/**
 * The fixture's tables, as every target creates them in its own SQL:
 * - `effects` (op, note): no constraint at all, so that a second execution shows
 * - `entries` (id identity, note, amount bigint, tag, doc json)
 * - `accounts` (id, owner, status, balance bigint, credit decimal(12,2), version)
 * - `users` (id identity, email unique not null, name, visits default 0)
 * - `carts` (id, owner, item), `payments` (id text, amount bigint not null)
 * - `watched` (id text, n bigint, version, writes): a trigger counts the updates of a row in `writes`, 1 when inserted;
 *   another one notes each removal in `watched_log` (id)
 * - `defaults_only` (id, flag default true, made_at default now), `checked` (id, amount >= 0)
 * - `stamped` (id, name, stamp): a trigger sets `stamp` to `stamped:` and the name
 * - `computed` (id, base, doubled generated), `growing` (id, n, version), `spare` (id, position, n)
 * - `pairs` (id, a, b) and `numbered_pairs` (id identity, a, b): unique (a, b), b may be null
 * - `lowered` (id identity, email unique): a trigger makes `email` lower case
 * - `elsewhere` (id, n) in another schema, `side`
 * - `samples` (id, and the columns of the fixture's samples)
 * - {@link WEIRD} and {@link CLASH_TABLES}
 */

/** Names that only quoting keeps whole. */
export const WEIRD = {
  table: 'we"ird Täble',
  id: "Id",
  text: 'se"lect',
  number: "UPPER case",
  version: "order by",
} as const;

/**
 * Names that a dialect's own statements may use: each is a table (id, n, version), and the column of a table
 * `col_<name>` (id, <name>, version).
 */
export const CLASH_TABLES = [
  "effect",
  "record",
  "answer",
  "prior",
  "guard",
  "set",
  "status",
  "result",
  "target",
  "stored",
  "standing",
  "input",
  "todo",
  "given",
  "amount",
  "added",
  "fresh",
  "done",
  "made",
  "whole",
  "locked",
  "calc",
  "position",
  "updated",
  "change",
  "miss",
  "seen",
  "stored_row",
  "fingerprint",
  "expired",
  "key",
] as const;
