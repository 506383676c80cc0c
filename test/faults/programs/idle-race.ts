import pg from "pg";
import { createLedger } from "../../../src/adapters/pg/index.js";

/**
 * A program of its own, since it is about what ends a process: two calls at once find one idle connection. The one that
 * does not get it must end within its limit.
 */
const [url] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 1 });
const ledger = createLedger(pool, { waitMs: 100 });
await pool.query("select 1");
let finish: () => void = () => {};
const first = ledger.once({ operation: "first", key: String(Date.now()) }, async () => {
  await new Promise<void>((resolve) => {
    finish = resolve;
  });
});
const second = await Promise.race([
  ledger
    .once({ operation: "second", key: String(Date.now()) }, () => 1)
    .catch((error: unknown) => (error as { code?: unknown }).code),
  new Promise((resolve) => setTimeout(resolve, 30_000, "hangs")),
]);
console.log(String(second));
finish();
await first;
process.exit(0);
