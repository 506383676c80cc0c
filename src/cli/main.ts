#!/usr/bin/env node
import { processIo } from "./io.js";
import { runCli } from "./program.js";

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

// `prisma generate` starts the command that a generator's `provider` names, without arguments.
if (process.env.PRISMA_GENERATOR_INVOCATION === "true") {
  const { runGenerator } = await import("../adapters/prisma/generator/index.js");
  await runGenerator(process.stdin, process.stderr);
} else {
  process.exitCode = await runCli(process.argv.slice(2), processIo());
}
