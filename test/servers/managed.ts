import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hold } from "./cleanup.js";
import { signal, signalTree, untilGone } from "./processes.js";
import { asUser, freePort, sleep, type User } from "./system.js";
import type { Engine, Server } from "./types.js";

/** What differs between the engines. */
export interface Launch {
  readonly engine: Engine;
  /** Belongs to the server alone, holds its data, and is removed with it. Must occur in `argumentsFor`. */
  readonly directory: string;
  readonly user: User | undefined;
  readonly command: string;
  argumentsFor(port: number): string[];
  /** Writes what depends on the port into the directory, where the command line cannot say it. */
  configure?(port: number): Promise<void>;
  url(port: number): string;
  /** The signal for an orderly shutdown that does not wait for clients. */
  readonly stopSignal: NodeJS.Signals;
  /** The server's version once it answers its protocol on `port`; throws while it does not. `log` is this start's. */
  ready(port: number, log: string): Promise<string>;
}

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 20;
/** After this long an orderly shutdown is given up, and the server killed. */
export const STOP_TIMEOUT_MS = 15_000;
const STOP_POLL_MS = 5;
const PORT_ATTEMPTS_MAX = 5;
const RESTART_ATTEMPTS_MAX = 5;
const LOG_TAIL_LINES = 15;

/** HOME and the rest of root's environment are neither readable nor of any use to the server's user. */
function cleanEnvironment(directory: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: directory, LC_ALL: "C", TZ: "UTC" };
}

/** Runs a preparing program to its end as the server's user; the error carries what it printed. */
type Run = (command: string, parameters: string[]) => Promise<void>;
type Holding = ReturnType<typeof hold>;

class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

class ManagedServer implements Server {
  readonly engine: Engine;
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly url: string;
  version = "";
  pid = 0;
  readonly #launch: Launch;
  readonly #holding: Holding;
  #running = false;

  constructor(launch: Launch, port: number, holding: Holding) {
    this.engine = launch.engine;
    this.port = port;
    this.url = launch.url(port);
    this.#launch = launch;
    this.#holding = holding;
  }

  get #logFile(): string {
    return join(this.#launch.directory, "server.log");
  }

  #spawn(): ChildProcess {
    const { command, directory, user } = this.#launch;
    const log = openSync(this.#logFile, "a");
    const child = spawn(command, this.#launch.argumentsFor(this.port), {
      // Out of the terminal's group: Ctrl-C must reach Node alone, which then stops the servers in its own order.
      detached: true,
      cwd: directory,
      env: cleanEnvironment(directory),
      stdio: ["ignore", log, log],
      ...asUser(user),
    });
    closeSync(log);
    child.unref();
    return child;
  }

  async start(): Promise<void> {
    await this.#launch.configure?.(this.port);
    const logStart = statSync(this.#logFile, { throwIfNoEntry: false })?.size ?? 0;
    const child = this.#spawn();
    let failure: string | undefined;
    const end = (reason: string): void => {
      failure ??= reason;
      this.#running = false;
      this.#holding.ended();
    };
    child.once("error", (error) => end(error.message));
    child.once("exit", (code, signalName) => end(`exited with ${signalName ?? code}`));
    if (child.pid !== undefined) {
      this.pid = child.pid;
      this.#running = true;
      this.#holding.running(child.pid);
    }
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      const log = this.#readLog(logStart);
      try {
        this.version = await this.#launch.ready(this.port, log);
        return;
      } catch (error) {
        if (failure === undefined && Date.now() > deadline) {
          failure = `not ready after ${READY_TIMEOUT_MS} ms: ${error instanceof Error ? error.message : error}`;
        }
      }
      if (failure !== undefined) return this.#fail(failure, logStart);
      await sleep(READY_POLL_MS);
    }
  }

  async #fail(reason: string, logStart: number): Promise<never> {
    await this.kill();
    const log = this.#readLog(logStart);
    const tail = log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
    const message = `${this.#launch.command} on port ${this.port}: ${reason}\n${tail}`;
    throw /address already in use/i.test(log) ? new PortTakenError(message) : new Error(message);
  }

  #readLog(from: number): string {
    return readFileSync(this.#logFile).subarray(from).toString("utf8");
  }

  async kill(): Promise<void> {
    if (this.#running) await untilGone(signalTree(this.pid, "SIGKILL"));
    // Until Node has reaped the child, PostgreSQL's next start takes its id for a live postmaster. Polled, because
    // the child is unreferenced: a bare promise would let Node end here.
    while (this.#running) await sleep(STOP_POLL_MS);
  }

  async #shutDown(): Promise<void> {
    if (!this.#running) return;
    this.resume();
    signal(this.pid, this.#launch.stopSignal);
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (this.#running && Date.now() < deadline) await sleep(STOP_POLL_MS);
    await this.kill();
  }

  async stop(): Promise<void> {
    await this.#shutDown();
    this.#holding.release();
  }

  async restart(): Promise<void> {
    await this.#shutDown();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.start();
      } catch (error) {
        // Another run may be probing this very port at this moment; the port must stay, so only time helps.
        if (!(error instanceof PortTakenError) || attempt === RESTART_ATTEMPTS_MAX) throw error;
        await sleep(100 * attempt);
      }
    }
  }

  pause(): void {
    if (this.#running) signalTree(this.pid, "SIGSTOP");
  }

  resume(): void {
    if (this.#running) signalTree(this.pid, "SIGCONT");
  }
}

/** Runs `prepare` (the engine's initdb), then the server, on a port of its own. Leaves nothing behind on failure. */
export async function startManaged(launch: Launch, prepare?: (run: Run) => Promise<void>): Promise<Server> {
  const holding = hold(launch.directory);
  try {
    await prepare?.((command, parameters) => run(command, parameters, launch, holding));
    for (let attempt = 1; ; attempt++) {
      const server = new ManagedServer(launch, await freePort(), holding);
      try {
        await server.start();
        return server;
      } catch (error) {
        if (!(error instanceof PortTakenError) || attempt === PORT_ATTEMPTS_MAX) throw error;
      }
    }
  } catch (error) {
    holding.release();
    throw error;
  }
}

function run(command: string, parameters: string[], launch: Launch, holding: Holding): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd: launch.directory,
      env: cleanEnvironment(launch.directory),
      stdio: ["ignore", "pipe", "pipe"],
      ...asUser(launch.user),
    });
    if (child.pid !== undefined) holding.running(child.pid);
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", reject);
    child.once("close", (code, signalName) => {
      holding.ended();
      if (code === 0) resolve();
      else reject(new Error(`${command} exited with ${signalName ?? code}\n${output}`));
    });
  });
}
