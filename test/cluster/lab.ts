import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { OperationRef } from "../../src/core/operation.js";
import type { Tally } from "../faults/figures.js";
import type { Cluster } from "../servers/types.js";
import { type Client, openClient } from "./client.js";
import { type NodeWitness, openWitness } from "./witness.js";

/** What the suites ask of a cluster, whatever its engine. */
export interface Lab {
  readonly cluster: Cluster;
  readonly tally: Tally;
  /** Run on a connection so that its reads wait for what was committed on other nodes. */
  readonly caughtUp: string;
}

type Three<T> = readonly [T, T, T];

/** One ledger per node, as three processes of a service have them. They are closed when the body is done. */
export async function withClients<T>(
  { cluster, tally }: Lab,
  body: (clients: Three<Client>) => Promise<T>,
  session?: string,
): Promise<T> {
  const clients = cluster.nodes.map((node) =>
    openClient(node, tally, session === undefined ? {} : { session }),
  );
  try {
    return await body(three(clients));
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** The same question to each node, once it has caught up. */
export async function onEachNode<T>(
  { cluster, caughtUp }: Lab,
  ask: (witness: NodeWitness) => Promise<T>,
): Promise<T[]> {
  const found: T[] = [];
  for (const node of cluster.nodes) {
    const witness = await openWitness(node, caughtUp);
    try {
      found.push(await ask(witness));
    } finally {
      await witness.close();
    }
  }
  return found;
}

/** Every node holds the same, and `n` took effect once. */
export async function expectOnce(lab: Lab, n: number): Promise<void> {
  expect(await onEachNode(lab, (witness) => witness.applied(n))).toEqual([1, 1, 1]);
  expect(await onEachNode(lab, (witness) => witness.unfinished())).toEqual([0, 0, 0]);
  const contents = await onEachNode(lab, (witness) => witness.contents());
  expect(new Set(contents).size).toBe(1);
}

export function three<T>(list: readonly T[]): Three<T> {
  const [a, b, c, ...more] = list;
  if (a === undefined || b === undefined || c === undefined || more.length > 0) {
    throw new Error(`three were expected, not ${list.length}`);
  }
  return [a, b, c];
}

/** Lets nobody pass before `parties` have arrived; later ones pass at once. */
export function gate(parties: number): () => Promise<void> {
  let missing = parties;
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    missing -= 1;
    if (missing <= 0) open();
    return opened;
  };
}

/** Far from what a load counts with. */
let numbers = 1_000_000;

/** A number for `effects`, and an operation, that no other test uses. */
export function fresh(): { n: number; ref: OperationRef } {
  numbers += 1;
  return { n: numbers, ref: { operation: "cluster", key: `key-${numbers}` } };
}

export async function until(what: string, holds: () => Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for this: ${what}`);
    await sleep(20);
  }
}
