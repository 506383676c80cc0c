import { cruiseOwnSources, MODULES_MIN, RULES } from "./cruise.js";

/** `npm run imports`: exits with 1 where an import of `src` breaks a rule, or where too little was read to tell. */
const { modules, dependencies, violations } = await cruiseOwnSources();

for (const { rule, from, to } of violations) {
  const reason = RULES.find(({ name }) => name === rule)?.comment ?? "";
  console.error(`${from} must not import ${to} (${rule}). ${reason}`);
}
if (modules.length < MODULES_MIN) {
  console.error(`Only ${modules.length} modules were read; at least ${MODULES_MIN} were expected.`);
}
console.log(
  `${modules.length} modules, ${dependencies} imports, ${RULES.length} rules, ${violations.length} violations`,
);
process.exitCode = violations.length === 0 && modules.length >= MODULES_MIN ? 0 : 1;
