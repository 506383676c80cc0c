import { withDatabase } from "../../src/cli/database/open.js";
import { DEFAULT_CODEC, encodeResult } from "../../src/core/codec.js";
import { identify, newKey, type OperationRef, summarize } from "../../src/core/operation.js";
import { sqliteDialect } from "../../src/dialects/sqlite/index.js";
import type { TestDatabase } from "./database.js";
import { plainIo } from "./io.js";

/** Leaves a completed operation behind, as an application does. */
export async function complete(
  { engine, url }: TestDatabase,
  ref: OperationRef,
  value: unknown,
): Promise<void> {
  await withDatabase(plainIo(), { url }, async ({ ledger, names, query }) => {
    if (engine !== "sqlite") {
      await ledger(names).once(ref, () => value);
      return;
    }
    const identity = identify(ref, 86_400_000);
    const bytes = encodeResult(value, DEFAULT_CODEC, summarize(identity));
    const operation = { ...identity, fingerprint: Buffer.alloc(32, 7) };
    const { sql, values } = sqliteDialect(names).record(operation, bytes);
    await query(sql, values);
  });
}

/** An operation whose result is past its retention by the time it is looked for. */
export const expired = (operation: string): OperationRef => ({ operation, key: newKey(), retentionMs: 1 });
