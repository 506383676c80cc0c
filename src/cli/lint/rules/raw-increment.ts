import { methodOf, propertiesOf, textIn } from "../ast.js";
import { isSafe, type LintFile } from "../file.js";
import type { Hit, Rule } from "../rule.js";
import { incrementIn, isStepExpression } from "../sql.js";
import { COUNTS_RUNS } from "./increment.js";

export const rawIncrement: Rule = {
  id: "raw-increment",
  level: "warning",
  title: "SQL that adds to a column",
  why: "A request that is retried, or a message that is delivered again, adds once more, and nothing in the row tells.",
  fix: "Run it as the work of `once`, or write it as `operation(…).increment(…)`.",
  check: (file) => [...statements(file), ...setters(file)],
};

function statements(file: LintFile): Hit[] {
  const { source } = file;
  const texts = [...source.all("Literal"), ...source.all("TemplateLiteral")];
  return texts.flatMap((node): Hit[] => {
    const sql = textIn(node);
    const found = sql === undefined ? undefined : incrementIn(sql);
    if (found === undefined || COUNTS_RUNS.test(found.column) || isSafe(file, node)) return [];
    return [{ node, message: `\`${found.column} = ${found.column} ± …\` in SQL` }];
  });
}

/** `createQueryBuilder().update().set({ views: () => "views + 1" })` */
function setters(file: LintFile): Hit[] {
  return file.source.all("CallExpression").flatMap((call): Hit[] => {
    if (!["set", "update"].includes(methodOf(call)) || isSafe(file, call) || file.works.isBound(call))
      return [];
    return call.arguments.flatMap((argument) =>
      propertiesOf(argument).flatMap(({ name, value, node }): Hit[] => {
        if (value.type !== "ArrowFunctionExpression") return [];
        const sql = textIn(value.body);
        if (sql === undefined || COUNTS_RUNS.test(name) || !isStepExpression(sql, name)) return [];
        return [{ node, message: `\`${name}\` is set to \`${sql}\`` }];
      }),
    );
  });
}
