import { count, wrapped } from "../format.js";
import type { Style } from "../io.js";
import type { Severity } from "./check.js";
import type { Diagnosis, Finding } from "./examine.js";

/** A diagnosis for people: what was found, worst first, then what was not. */
export function diagnosisText(diagnosis: Diagnosis, where: string, style: Style): string {
  const { findings, passed, unchecked } = diagnosis;
  const lines = [style.bold(where), ""];
  for (const finding of findings) lines.push(...findingLines(finding, style), "");
  for (const { id, reason } of unchecked)
    lines.push(`${style.yellow("?")} ${id} could not be checked: ${reason}`, "");
  if (passed.length > 0) {
    const nothing = `${count(passed.length, "check")} found nothing: ${passed.join(", ")}`;
    lines.push(wrapped(`${style.green("✔")} `, nothing), "");
  }
  if (findings.length === 0) lines.push(style.green("Nothing stands in the way of what opledger promises."));
  else {
    const kinds = (["error", "warning", "note"] as const)
      .map((severity) => [severity, findings.filter((each) => each.severity === severity).length] as const)
      .filter(([, number]) => number > 0)
      .map(([severity, number]) => count(number, severity));
    lines.push(`${style.bold(count(findings.length, "finding"))} (${kinds.join(", ")}).`);
    lines.push(style.dim("What each check looks at: node_modules/opledger/docs/doctor.md"));
  }
  return lines.join("\n");
}

const MARKS: Readonly<Record<Severity, (style: Style) => string>> = {
  error: (style) => style.red("✖ error"),
  warning: (style) => style.yellow("! warning"),
  note: (style) => style.blue("i note"),
};

function findingLines({ id, severity, seen, why, fix }: Finding, style: Style): string[] {
  return [
    `${MARKS[severity](style)}  ${style.bold(seen)}  ${style.dim(id)}`,
    wrapped(`    ${style.dim("why")}  `, why),
    wrapped(`    ${style.dim("fix")}  `, fix),
  ];
}
