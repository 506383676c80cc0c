import type { Engine } from "../../migrations/index.js";
import type { Check, Patient, Severity } from "./check.js";
import { CHECKS } from "./checks/index.js";

export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly seen: string;
  readonly why: string;
  readonly fix: string;
}

export interface Diagnosis {
  readonly engine: Engine;
  readonly version: string;
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** The checks that found nothing. */
  readonly passed: readonly string[];
  /** The checks that could not be made, such as for want of a right. */
  readonly unchecked: readonly { readonly id: string; readonly reason: string }[];
}

const ORDER: readonly Severity[] = ["error", "warning", "note"];

/**
 * Looks for what would break opledger's promises. Changes nothing.
 *
 * @param checks for tests that leave one out
 */
export async function examine(patient: Patient, checks: readonly Check[] = CHECKS): Promise<Diagnosis> {
  const findings: Finding[] = [];
  const passed: string[] = [];
  const unchecked: { id: string; reason: string }[] = [];
  for (const check of checks) {
    if (!check.engines.includes(patient.engine)) continue;
    if (check.needsLedger === true && !patient.ledgerExists) continue;
    try {
      const signs = await check.examine(patient);
      if (signs.length === 0) passed.push(check.id);
      const { id, why } = check;
      for (const { seen, severity = check.severity, fix = check.fix } of signs) {
        findings.push({ id, severity, seen, why, fix });
      }
    } catch (error) {
      unchecked.push({ id: check.id, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  findings.sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  return { engine: patient.engine, version: patient.version, findings, passed, unchecked };
}
