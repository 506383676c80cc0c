import type { ResultSet, Row } from "../../core/executor.js";
import { ResponseTimeout } from "../../core/failure.js";
import type { PrismaClientLike } from "./client.js";
import { withoutCallSites } from "./internals.js";

/** @throws {TypeError} a number that is none: Prisma would send it as NULL */
export async function ask(
  client: PrismaClientLike,
  sql: string,
  values: readonly unknown[],
): Promise<ResultSet> {
  if (values.some((value) => typeof value === "number" && !Number.isFinite(value))) {
    throw new TypeError("a value of the write is not a finite number");
  }
  const asked = withoutCallSites(client);
  if (!returnsRows(sql)) return { rows: [], affected: await asked.$executeRawUnsafe(sql, ...values) };
  const rows = (await asked.$queryRawUnsafe(sql, ...values)) as Row[];
  return { rows, affected: rows.length };
}

const QUOTED = /'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`/g;
const answered = new Map<string, boolean>();
const ANSWERED_MAX = 1_000;

/** Whether a statement of ours answers with rows: Prisma has one method for those, and another for counts. */
function returnsRows(sql: string): boolean {
  const known = answered.get(sql);
  if (known !== undefined) return known;
  const bare = sql.replace(QUOTED, " ");
  const rows = /^\s*(?:SET STATEMENT .*? FOR\s+)?(?:SELECT|WITH)\b|\bRETURNING\b/.test(bare);
  if (answered.size >= ANSWERED_MAX) answered.clear();
  answered.set(sql, rows);
  return rows;
}

/** @throws {ResponseTimeout} no answer came in time */
export function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ResponseTimeout(timeoutMs)), timeoutMs);
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
