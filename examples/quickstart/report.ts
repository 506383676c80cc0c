import { styleText } from "node:util";
import type { Figures } from "./audit.js";
import { DELIVERIES, type Plan } from "./deliveries.js";

const terminal = process.stdout.isTTY === true;
const colours = terminal && process.env.NO_COLOR === undefined;
const BAR_WIDTH = 24;
const LABEL_WIDTH = 22;
const COLUMN_WIDTH = 18;

type Style = "bold" | "dim" | "green" | "red";

function paint(style: Style, text: string): string {
  return colours ? styleText(style, text) : text;
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** Exact for any amount: no cent goes through a floating-point number. */
function money(cents: bigint): string {
  const absolute = cents < 0n ? -cents : cents;
  const dollars = (absolute / 100n).toLocaleString("en-US");
  return `${cents < 0n ? "-" : ""}$${dollars}.${String(absolute % 100n).padStart(2, "0")}`;
}

export function introduce({ charges, mix }: Plan, seed: number): void {
  console.log(paint("bold", "A payment service receives every charge more than once."));
  console.log(`${count(DELIVERIES)} deliveries of ${count(charges.length)} charges, from seed ${seed}:`);
  const lines: [number, string][] = [
    [mix.single, "one after another"],
    [mix.concurrent, "at the same moment as a duplicate, on another connection"],
    [mix.killed, "to a worker process that is killed with SIGKILL in mid-transaction"],
  ];
  for (const [number, how] of lines) console.log(`${count(number).padStart(7)}  ${how}`);
  console.log();
}

/** One line that grows on a terminal, and is printed once elsewhere. */
export class ProgressLine {
  readonly #label: string;
  #shown = -1;

  constructor(label: string) {
    this.#label = label.padEnd(LABEL_WIDTH);
  }

  update(delivered: number): void {
    const filled = Math.floor((delivered / DELIVERIES) * BAR_WIDTH);
    if (!terminal || filled === this.#shown) return;
    this.#shown = filled;
    const bar = "█".repeat(filled) + paint("dim", "░".repeat(BAR_WIDTH - filled));
    process.stdout.write(`\r${this.#label}${bar} ${count(delivered).padStart(5)} deliveries`);
  }

  done(text: string): void {
    const clear = terminal ? "\r\u001b[K" : "";
    console.log(`${clear}${this.#label}${text}`);
  }
}

export function delivered({ deliveries, killed, durationMs }: Figures): string {
  const seconds = (durationMs / 1_000).toFixed(1);
  return `${count(deliveries)} deliveries, ${killed} workers killed, ${seconds} s`;
}

function cell(text: string, style?: Style): string {
  const padded = text.padStart(COLUMN_WIDTH);
  return style === undefined ? padded : paint(style, padded);
}

function row(label: string, figures: readonly Figures[], text: (of: Figures) => string): void {
  console.log(label.padEnd(LABEL_WIDTH) + figures.map((each) => cell(text(each))).join(""));
}

export function printTable(naive: Figures, opledger: Figures): void {
  const both = [naive, opledger];
  const rule = paint("dim", "─".repeat(LABEL_WIDTH + 2 * COLUMN_WIDTH));
  console.log(`\n${" ".repeat(LABEL_WIDTH)}${cell("naive", "bold")}${cell("opledger", "bold")}`);
  console.log(rule);
  row("deliveries", both, (of) => count(of.deliveries));
  row("  executed", both, (of) => count(of.executed));
  row("  replayed", both, (of) => count(of.replayed));
  row("  undone by a kill", both, (of) => count(of.rolledBack));
  row("rows in the ledger", both, (of) => (of.ledgerRows === undefined ? "none" : count(of.ledgerRows)));
  row("duplicates prevented", both, (of) => `${count(of.duplicatesPrevented)} of ${count(of.duplicates)}`);
  row("money moved", both, (of) => money(of.movedCents));
  row("money expected", both, (of) => money(of.expectedCents));
  const off = both.map(({ movedCents, expectedCents }) => movedCents - expectedCents);
  const cells = off.map((cents) =>
    cell(`${cents > 0n ? "+" : ""}${money(cents)}`, cents === 0n ? "green" : "red"),
  );
  console.log("off by".padEnd(LABEL_WIDTH) + cells.join(""));
  console.log(rule);
}

const PROBLEMS_SHOWN_MAX = 10;

export function conclude(naive: Figures, { problems, executed }: Figures): void {
  if (problems.length === 0) {
    const done = `opledger made each of ${count(executed)} charges once, to the cent.`;
    console.log(`${paint("green", "✓")} ${done} ${ofNaive(naive)}`);
    return;
  }
  console.log(`${paint("red", "✗")} opledger's side is wrong:`);
  for (const problem of problems.slice(0, PROBLEMS_SHOWN_MAX)) console.log(`  ${problem}`);
  const more = problems.length - PROBLEMS_SHOWN_MAX;
  if (more > 0) console.log(`  and ${more} more`);
}

function ofNaive({ movedCents, expectedCents, chargedAgain }: Figures): string {
  const off = movedCents - expectedCents;
  if (off === 0n) return "The naive handler was lucky this time.";
  return `The naive handler repeated ${count(chargedAgain)} of them: ${money(off)} too much.`;
}

export function printJson(of: { engine: string; seed: number }, naive: Figures, opledger: Figures): void {
  const plain = (_key: string, value: unknown): unknown =>
    typeof value === "bigint" ? String(value) : value;
  console.log(JSON.stringify({ ...of, naive, opledger }, plain, 2));
}
