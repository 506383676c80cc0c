import type { ResultSet, Row } from "../../core/executor.js";
import { ResponseTimeout } from "../../core/failure.js";
import type { PrismaClientLike } from "./client.js";

/** @throws {TypeError} a number that is none: Prisma would send it as NULL */
export async function ask(
  client: PrismaClientLike,
  sql: string,
  values: readonly unknown[],
): Promise<ResultSet> {
  if (values.some((value) => typeof value === "number" && !Number.isFinite(value))) {
    throw new TypeError("a value of the write is not a finite number");
  }
  if (!returnsRows(sql)) return { rows: [], affected: await client.$executeRawUnsafe(sql, ...values) };
  const rows = (await client.$queryRawUnsafe(sql, ...values)) as Row[];
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
export async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ResponseTimeout(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
