import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Order, Report } from "./worker.js";

const WORKER = new URL("worker.ts", import.meta.url);
/** Started ahead of their delivery, since a process takes longer to start than many payments to make. */
const SPARE = 2;

class Worker {
  readonly #child: ChildProcess;
  readonly #exited: Promise<NodeJS.Signals | number>;
  readonly #ready: Promise<void>;

  constructor() {
    // Advanced, so that bigints survive the way.
    this.#child = fork(WORKER, { serialization: "advanced", stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#exited = once(this.#child, "exit").then(([code, signal]) => signal ?? code);
    this.#ready = this.#reported("ready");
    // Whoever asks for this worker hears of it; a spare one that was never asked for may end as it likes.
    this.#ready.catch(() => undefined);
  }

  #reported(report: Report): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.on("message", (message) => {
        if (message === report) resolve();
      });
      this.#exited.then(
        (how) => reject(new Error(`a worker ended with ${how} before it was ${report}`)),
        reject,
      );
    });
  }

  /** Gives the worker its delivery and kills it at the point named; resolves when the kill is sent. */
  async killAt(order: Order): Promise<void> {
    await this.#ready;
    const dying = this.#reported("dying");
    this.#child.send(order);
    await dying;
    this.#child.kill("SIGKILL");
  }

  /** @returns the signal that ended it, or its exit code */
  ended(): Promise<NodeJS.Signals | number> {
    return this.#exited;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}

/** Processes that take one delivery each, and are killed over it. */
export class Workers {
  readonly #spare: Worker[] = [];
  readonly #used: Worker[] = [];
  #left: number;
  #stopped = false;

  /** @param deaths how many there will be */
  constructor(deaths: number) {
    this.#left = deaths;
    for (let spare = 0; spare < SPARE; spare++) this.#breed();
  }

  #breed(): void {
    if (this.#left === 0) return;
    this.#left -= 1;
    this.#spare.push(new Worker());
  }

  async killAt(order: Order): Promise<void> {
    if (this.#stopped) throw new Error("the run is over, so no worker starts");
    const worker = this.#spare.shift() ?? new Worker();
    this.#breed();
    this.#used.push(worker);
    await worker.killAt(order);
  }

  /** How many died of SIGKILL; waits for the last of them. */
  async killed(): Promise<number> {
    const endings = await Promise.all(this.#used.map((worker) => worker.ended()));
    return endings.filter((how) => how === "SIGKILL").length;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#spare, ...this.#used].map((worker) => worker.stop()));
  }
}
