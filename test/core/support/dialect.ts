import type { ClaimedOperation, OneStatementDialect } from "../../../src/core/dialect.js";
import type { Statement } from "../../../src/core/executor.js";
import { fingerprint } from "../../../src/core/fingerprint.js";
import { identify, type OperationRef } from "../../../src/core/operation.js";
import { postgresDialect } from "../../../src/dialects/postgres/index.js";

export const dialect: OneStatementDialect = postgresDialect({
  schema: "public",
  table: "opledger_operations",
});

export function claimed(ref: OperationRef): ClaimedOperation {
  return { ...identify(ref, 604_800_000), fingerprint: fingerprint(ref.payload) };
}

/** A statement as golden files show it. */
export function shown(title: string, { sql, values, name }: Statement): string {
  const bound = values.map((value, index) => `-- $${index + 1} = ${showValue(value)}`);
  return [`-- ${title}`, `-- name: ${name ?? "none"}`, ...bound, `${sql.trim()};`, ""].join("\n");
}

function showValue(value: unknown): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (typeof value === "bigint") return `${value}n`;
  return JSON.stringify(value);
}
