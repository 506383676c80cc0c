import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { DMMF } from "@prisma/client/runtime/client";
import { describeSchema } from "./describe.js";
import { type GenerateParams, type GeneratorConfig, serveGenerator } from "./protocol.js";
import { type Language, renderModule } from "./render.js";

const MANIFEST = { prettyName: "opledger metadata", defaultOutput: "./generated/opledger" };

/**
 * Answers `prisma generate`, which starts this package's command for `generator opledger { provider = "opledger" }`.
 *
 * `output` names the folder that `metadata.ts` is written to; `language = "js"` asks for JavaScript with types beside it.
 */
export function runGenerator(input: Readable, output: Writable): Promise<void> {
  return serveGenerator(input, output, MANIFEST, generate);
}

function generate({ generator, otherGenerators, datasources, dmmf, datamodel }: GenerateParams): void {
  const folder = checkedOutput(generator, otherGenerators);
  const language = checkedLanguage(generator);
  const provider = datasources[0]?.activeProvider ?? "unknown";
  const metadata = describeSchema(dmmf.datamodel as DMMF.Datamodel, datamodel, provider);
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of renderModule(metadata, language)) writeFileSync(join(folder, name), text);
}

/** The client's generator empties its folder, and might do so after this one. */
function checkedOutput({ output }: GeneratorConfig, others: readonly GeneratorConfig[]): string {
  const folder = output?.value;
  if (folder == null) throw new Error("generator opledger: `output` is missing");
  const around = others.find((other) => other.output?.value != null && isWithin(folder, other.output.value));
  if (around === undefined) return folder;
  throw new Error(
    `generator opledger: \`output\` lies in the folder of generator ${around.name}, which empties it; give it a folder of its own`,
  );
}

function isWithin(folder: string, outer: string): boolean {
  return !relative(outer, folder).startsWith("..");
}

function checkedLanguage({ config }: GeneratorConfig): Language {
  const { language = "ts", ...rest } = config;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined)
    throw new Error(`generator opledger: there is no option \`${unknown}\`; there is \`language\``);
  if (language === "ts" || language === "js") return language;
  throw new Error(`generator opledger: \`language\` must be "ts" or "js"`);
}
