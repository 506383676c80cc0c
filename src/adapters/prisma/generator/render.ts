import type { PrismaMetadata } from "../metadata.js";

/** A file of the output folder. */
export interface OutputFile {
  readonly name: string;
  readonly text: string;
}

export type Language = "ts" | "js";

const HEADER = `/* Written by \`prisma generate\` (generator opledger) from the Prisma schema. Changes here are lost. */
/* eslint-disable */
`;

/** The module that exports the metadata, for a project in either language. */
export function renderModule(metadata: PrismaMetadata, language: Language): readonly OutputFile[] {
  const value = literal(metadata);
  const type = `import type { PrismaMetadata } from "opledger/prisma";\n`;
  if (language === "ts") {
    return [
      { name: "metadata.ts", text: `${HEADER}${type}\nexport const metadata: PrismaMetadata = ${value};\n` },
    ];
  }
  return [
    { name: "metadata.js", text: `${HEADER}\nexport const metadata = ${value};\n` },
    { name: "metadata.d.ts", text: `${HEADER}${type}\nexport declare const metadata: PrismaMetadata;\n` },
  ];
}

/** One line per field, which is what shows up in a diff when the schema changes. */
const LINE_DEPTH = 4;

function literal(value: unknown, depth = 0): string {
  if (Array.isArray(value)) return `[${value.map((part) => literal(part, LINE_DEPTH)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(([name, part]) => `${property(name)}: ${literal(part, depth + 1)}`);
  if (parts.length === 0) return "{}";
  if (depth >= LINE_DEPTH) return `{ ${parts.join(", ")} }`;
  const indent = "  ".repeat(depth);
  return `{\n${parts.map((part) => `${indent}  ${part},\n`).join("")}${indent}}`;
}

/** A computed name where it is no plain one, since `__proto__` would be something else. */
function property(name: string): string {
  return /^[A-Za-z]\w*$/.test(name) ? name : `[${JSON.stringify(name)}]`;
}
