import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Flights } from "../../src/core/flights.js";

interface Deferred {
  readonly promise: Promise<string>;
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

function deferred(): Deferred {
  let resolve: (value: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<string>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

class Runs {
  readonly flights = new Flights();
  readonly started: string[] = [];
  waited = 0;

  enter(name: string, run: Deferred, waitMs = 1_000, id = "id"): Promise<string> {
    const body = (): Promise<string> => {
      this.started.push(name);
      return run.promise;
    };
    const late = {
      waited: (): void => {
        this.waited += 1;
      },
      timedOut: () => new Error(`${name} timed out`),
    };
    return this.flights.enter(id, waitMs, body, late);
  }
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe("flights", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  it("run one body at a time, and the rest once it has succeeded", async () => {
    const runs = new Runs();
    const [first, replay] = [deferred(), deferred()];
    const all = [runs.enter("first", first), runs.enter("second", replay), runs.enter("third", replay)];
    await settle();
    expect(runs.started).toEqual(["first"]);
    first.resolve("done");
    await settle();
    expect(runs.started).toEqual(["first", "second", "third"]);
    expect(runs.waited).toBe(2);
    replay.resolve("replayed");
    expect(await Promise.all(all)).toEqual(["done", "replayed", "replayed"]);
  });

  it("hand over to one of the waiting where a run fails, and its error is nobody else's", async () => {
    const runs = new Runs();
    const [first, second] = [deferred(), deferred()];
    const failing = runs.enter("first", first);
    const others = ["second", "third", "fourth"].map((name) => runs.enter(name, second));
    first.reject(new Error("first failed"));
    await expect(failing).rejects.toThrow("first failed");
    await settle();
    expect(runs.started).toEqual(["first", "second"]);
    second.resolve("done");
    expect(await Promise.all(others)).toEqual(["done", "done", "done"]);
    expect(runs.started).toEqual(["first", "second", "third", "fourth"]);
  });

  it("hand over through any number of failures, one run at a time", async () => {
    const runs = new Runs();
    const bodies = Array.from({ length: 5 }, deferred);
    const ends = bodies.map((body, index) => runs.enter(String(index), body));
    const results = Promise.allSettled(ends);
    for (const [index, body] of bodies.entries()) {
      await settle();
      expect(runs.started).toEqual(Array.from({ length: index + 1 }, (_, run) => String(run)));
      body.reject(new Error(String(index)));
    }
    expect((await results).map(({ status }) => status)).toEqual(Array(5).fill("rejected"));
  });

  it("time out the waiting, not the running", async () => {
    const runs = new Runs();
    const first = deferred();
    const running = runs.enter("first", first);
    const waiting = runs.enter("second", deferred(), 500);
    const timedOut = expect(waiting).rejects.toThrow("second timed out");
    await vi.advanceTimersByTimeAsync(499);
    expect(runs.waited).toBe(0);
    await vi.advanceTimersByTimeAsync(2);
    await timedOut;
    expect(runs.started).toEqual(["first"]);
    first.resolve("done");
    expect(await running).toBe("done");
  });

  it("count the wait as a whole, over several failed runs", async () => {
    const runs = new Runs();
    const [first, second] = [deferred(), deferred()];
    const failing = runs.enter("first", first);
    const next = runs.enter("second", second, 10_000);
    const waiting = expect(runs.enter("third", deferred(), 1_000)).rejects.toThrow("third timed out");
    await vi.advanceTimersByTimeAsync(900);
    first.reject(new Error("failed"));
    await expect(failing).rejects.toThrow("failed");
    await vi.advanceTimersByTimeAsync(101);
    await waiting;
    second.resolve("done");
    expect(await next).toBe("done");
  });

  it("do not wait at all where waitMs is 0", async () => {
    const runs = new Runs();
    const first = deferred();
    const running = runs.enter("first", first, 0);
    await expect(runs.enter("second", deferred(), 0)).rejects.toThrow("second timed out");
    first.resolve("done");
    expect(await running).toBe("done");
  });

  it("let other operations fly meanwhile", async () => {
    const runs = new Runs();
    const [a, b] = [deferred(), deferred()];
    const both = [runs.enter("a", a, 1_000, "a"), runs.enter("b", b, 1_000, "b")];
    await settle();
    expect(runs.started).toEqual(["a", "b"]);
    b.resolve("b");
    a.resolve("a");
    expect(await Promise.all(both)).toEqual(["a", "b"]);
  });

  it("forget a run that is over, and leave no timer behind", async () => {
    const runs = new Runs();
    const first = deferred();
    const running = runs.enter("first", first);
    const waiting = runs.enter("second", first, 60_000);
    first.resolve("done");
    await Promise.all([running, waiting]);
    expect(vi.getTimerCount()).toBe(0);
    await runs.enter("later", first);
    expect(runs.waited).toBe(1);
  });

  it("forget a body that throws before it returns a promise", async () => {
    const flights = new Flights();
    const late = { waited: (): void => {}, timedOut: () => new Error("late") };
    const broken = (): Promise<string> => {
      throw new Error("sync");
    };
    await expect(flights.enter("id", 100, broken, late)).rejects.toThrow("sync");
    await expect(flights.enter("id", 100, async () => "fine", late)).resolves.toBe("fine");
  });
});
