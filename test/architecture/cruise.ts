import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { cruise, type IConfiguration, type ICruiseResult } from "dependency-cruiser";

const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));
const CONFIG = new URL("../../.dependency-cruiser.mjs", import.meta.url);
const { default: config } = (await import(CONFIG.href)) as { default: IConfiguration };

/** Fewer modules mean that the tool could not read the sources, and that it found nothing wrong for that reason. */
export const MODULES_MIN = 30;

interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export interface Cruised {
  /** Modules of `src` itself. */
  readonly modules: readonly string[];
  readonly dependencies: number;
  readonly violations: readonly Violation[];
}

/** The names of the rules that `.dependency-cruiser.mjs` holds, with their reasons. */
export const RULES: readonly { readonly name: string; readonly comment: string }[] = (
  config.forbidden ?? []
).map(({ name = "", comment = "" }) => ({ name, comment }));

/** Reads every import of `src` under the given folder and checks it against the rules, in this process. */
export async function cruiseSources(folder: string): Promise<Cruised> {
  const { options = {}, forbidden = [] } = config;
  const { output } = await cruise(["src"], {
    ...options,
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden },
  });
  if (typeof output === "string") throw new TypeError("dependency-cruiser answered with text");
  return read(output);
}

/** The same in a process of its own: under tsx the tool does not find the parts of @swc/core that it needs. */
export async function cruiseApart(folder: string): Promise<Cruised> {
  const tool = fileURLToPath(import.meta.resolve("dependency-cruiser")).replace(
    /src\/main\/index\.mjs$/,
    "bin/dependency-cruise.mjs",
  );
  const args = [tool, "src", "--config", fileURLToPath(CONFIG), "--output-type", "json"];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 28 }, (error, stdout, stderr) =>
      stdout === "" ? reject(new Error(stderr, { cause: error })) : resolve(stdout),
    );
  });
  return read(JSON.parse(output) as ICruiseResult);
}

export function cruiseOwnSources(): Promise<Cruised> {
  return cruiseApart(ROOT);
}

function read({ modules, summary }: ICruiseResult): Cruised {
  const own = modules.filter(({ source }) => source.startsWith("src/"));
  return {
    modules: own.map(({ source }) => source),
    dependencies: own.reduce((sum, { dependencies }) => sum + dependencies.length, 0),
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
