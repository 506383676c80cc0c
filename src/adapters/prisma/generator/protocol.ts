import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** What Prisma hands to a generator; of it what is read here. */
export interface GenerateParams {
  readonly generator: GeneratorConfig;
  readonly otherGenerators: readonly GeneratorConfig[];
  readonly datasources: readonly { readonly activeProvider: string }[];
  readonly dmmf: { readonly datamodel: unknown };
  /** The schema's text; of several files, one after the other. */
  readonly datamodel: string;
}

export interface GeneratorConfig {
  readonly name: string;
  readonly output: { readonly value: string | null } | null;
  readonly config: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface GeneratorManifest {
  readonly prettyName: string;
  readonly defaultOutput: string;
}

interface Request {
  readonly id: number;
  readonly method: "getManifest" | "generate";
  readonly params: unknown;
}

/**
 * Answers Prisma's requests until it has no more: lines of JSON-RPC, which come on stdin and are answered on stderr.
 *
 * @see https://github.com/prisma/prisma/blob/7.10.0/packages/generator-helper/src/generatorHandler.ts
 */
export async function serveGenerator(
  input: Readable,
  output: Writable,
  manifest: GeneratorManifest,
  generate: (params: GenerateParams) => void,
): Promise<void> {
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const { id, method, params } = JSON.parse(line) as Request;
    const answer = (rest: object): boolean =>
      output.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...rest })}\n`);
    try {
      if (method === "generate") generate(params as GenerateParams);
      answer({ result: method === "getManifest" ? { manifest } : null });
    } catch (error) {
      const { message, stack } = error as Error;
      answer({ error: { code: -32_000, message, data: { stack } } });
    }
  }
}
