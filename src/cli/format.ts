import { stripVTControlCharacters } from "node:util";

/** Rows in aligned columns, two spaces apart; `right` names the columns that hold numbers. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, width(cell));
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => {
        const blank = " ".repeat((widths[at] ?? 0) - width(cell));
        return right.includes(at) ? blank + cell : cell + blank;
      })
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

/** Characters that a cell takes; colours take none. */
function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** What people read in one glance. */
const LINE_MAX = 100;

/** A text behind a heading, its further lines below its first; words are kept whole. */
export function wrapped(heading: string, text: string): string {
  const indent = width(heading);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + longer.length > LINE_MAX) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return heading + [...lines, line].join(`\n${" ".repeat(indent)}`);
}

export function number(value: number): string {
  return value.toLocaleString("en-US");
}

export function count(value: number, one: string, many: string = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

/** A moment in UTC, to the second. */
export function time(value: Date): string {
  return value
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

const SPANS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/** A span in its largest unit, e.g. `3 d`. */
export function span(ms: number): string {
  for (const [size, unit] of SPANS) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`;
  return `${Math.max(0, Math.round(ms))} ms`;
}

export function rate(done: number, durationMs: number): string {
  return `${Math.round((done * 1_000) / Math.max(1, durationMs)).toLocaleString("en-US")}/s`;
}
