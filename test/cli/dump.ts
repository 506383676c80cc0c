import type { TestDatabase } from "./database.js";

const POSTGRES = `
SELECT 1 AS place, format('%s.%s %s%s%s', relname, attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' NOT NULL' END,
  ' DEFAULT ' || pg_get_expr(adbin, adrelid)) AS line, attnum AS at
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped AND relnamespace = 'public'::regnamespace
UNION ALL SELECT 2, format('%s %s', relname, coalesce(array_to_string(reloptions, ', '), 'no options')) ||
  coalesce(' IS ' || obj_description(oid, 'pg_class'), ''), 0
FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
UNION ALL SELECT 3, pg_get_indexdef(indexrelid), 0 FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 4, format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)), 0 FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
UNION ALL SELECT 5, pg_get_triggerdef(pg_trigger.oid), 0 FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
UNION ALL SELECT 6, pg_get_functiondef(oid), 0 FROM pg_proc WHERE pronamespace = 'public'::regnamespace
ORDER BY place, at, line`;

/**
 * Everything that a database's schema holds, in a form that two databases can be compared by.
 *
 * @param without a table of somebody else's to leave out
 */
export async function dump(database: TestDatabase, without?: string): Promise<string> {
  const all = await lines(database);
  const own =
    without === undefined
      ? all
      : all.filter((line) => !line.includes(without) && !line.includes("sqlite_sequence"));
  return `${own.join("\n")}\n`;
}

async function lines({ engine, query }: TestDatabase): Promise<string[]> {
  if (engine === "postgres") return (await query(POSTGRES)).map(({ line }) => String(line));
  if (engine === "sqlite") {
    const rows = await query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name");
    return rows.map(({ sql }) => `${sql};`);
  }
  const tables = await query(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
  );
  const routines = await query(
    "SELECT routine_name AS name FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1",
  );
  const triggers = await query(
    "SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1",
  );
  const shown: string[] = [];
  for (const { name } of tables)
    shown.push(textOf(await query(`SHOW CREATE TABLE \`${name}\``), "Create Table"));
  for (const { name } of routines)
    shown.push(textOf(await query(`SHOW CREATE PROCEDURE \`${name}\``), "Create Procedure"));
  for (const { name } of triggers)
    shown.push(textOf(await query(`SHOW CREATE TRIGGER \`${name}\``), "SQL Original Statement"));
  return shown.map((text) => text.replaceAll(/DEFINER=\S+ (?:SQL SECURITY DEFINER )?/g, ""));
}

function textOf(rows: readonly Record<string, unknown>[], column: string): string {
  // A view is shown as what it is.
  return `${rows[0]?.[column] ?? rows[0]?.["Create View"]};`;
}
