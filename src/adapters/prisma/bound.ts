import { skip } from "@prisma/client/runtime/client";
import { OtherFormError } from "../../core/codec.js";
import type { LedgerContext } from "../../core/context.js";
import { emit } from "../../core/events.js";
import type { Row } from "../../core/executor.js";
import { fingerprint } from "../../core/fingerprint.js";
import { identify, type OperationRef, summarize } from "../../core/operation.js";
import type { WriteOutcome } from "../../core/outcome.js";
import { DEPTH_MAX } from "../../core/tagged.js";
import { runWrite } from "../../core/write.js";
import { type Planned, plan, type SingleVerb } from "./arguments.js";
import type { PrismaClientLike } from "./client.js";
import { asModelError } from "./errors.js";
import { modelsOf, type NamedModel } from "./facts.js";
import { fallBack, type Verb } from "./fallback.js";
import { hydrate } from "./hydrate.js";
import { extendedBy, globalOmit } from "./internals.js";
import type { PrismaMetadata } from "./metadata.js";
import { jsonNull, NotPlain } from "./values.js";

type Args = Readonly<Record<string, unknown>>;

/** An operation, the client that it was bound on, and what is known of that client's schema. */
export interface Binding {
  readonly client: PrismaClientLike;
  readonly context: LedgerContext<PrismaClientLike>;
  readonly metadata: PrismaMetadata;
  readonly ref: OperationRef;
}

const NOTHING = {};

/** The models of a client, each with the writes that the operation can be. */
export function boundModels(binding: Binding): object {
  return new Proxy(NOTHING, new Models(binding));
}

class Models implements ProxyHandler<object> {
  constructor(readonly binding: Binding) {}

  get(_target: object, key: string | symbol): object | undefined {
    const named = typeof key === "string" ? modelsOf(this.binding.metadata).get(key) : undefined;
    return named === undefined ? undefined : boundModel(this.binding, named);
  }
}

function boundModel(binding: Binding, model: NamedModel): Readonly<Record<Verb, BoundWrite>> {
  const bound =
    (verb: Verb): BoundWrite =>
    (args = {}) =>
      lazily(() => run(binding, model, verb, args));
  return {
    create: bound("create"),
    createMany: bound("createMany"),
    upsert: bound("upsert"),
    update: bound("update"),
    updateMany: bound("updateMany"),
    delete: bound("delete"),
  };
}

type BoundWrite = (args?: Args) => Promise<WriteOutcome<unknown>>;

async function run(
  binding: Binding,
  named: NamedModel,
  verb: Verb,
  args: Args,
): Promise<WriteOutcome<unknown>> {
  const { context, metadata, ref } = binding;
  const { name, delegate, model } = named;
  const startedAt = performance.now();
  const identity = identify(ref, context.retentionMs);
  const payload = ref.payload === undefined ? comparable(args) : ref.payload;
  const summary = summarize(identity);
  const operation = { ...identity, fingerprint: fingerprint(payload, { verb, table: name }, summary) };
  const planned = planOf(binding, named, verb, args, identity.id);
  if (!(planned instanceof NotPlain)) {
    try {
      const { fields, write } = planned;
      const outcome = await runWrite<PrismaClientLike, Row | null>(context, operation, write);
      const value = outcome.value === null ? null : hydrate(outcome.value, { model, fields }, metadata);
      return { ...outcome, value };
    } catch (error) {
      // An earlier run took several statements, under other arguments or beside another extension: it is replayed as such.
      if (!(error instanceof OtherFormError)) throw asModelError(error, name);
    }
  }
  const outcome = await fallBack({
    context,
    ref,
    operation,
    metadata,
    model,
    delegate,
    verb,
    args,
  });
  if (outcome.status === "executed") {
    const reason = planned instanceof NotPlain ? planned.reason : "an earlier run in several statements";
    const durationMs = performance.now() - startedAt;
    emit(context.onEvent, () => ({ type: "fallback", operation: summary, durationMs, reason }));
  }
  if (verb !== "createMany" && verb !== "updateMany") return outcome;
  const { status, value } = outcome;
  return { status, value } as WriteOutcome<unknown>;
}

/** @returns the reason where a single statement cannot do it */
function planOf(
  { client, metadata }: Binding,
  { delegate, model }: NamedModel,
  verb: Verb,
  args: Args,
  operationId: string,
): Planned | NotPlain {
  if (!isSingle(verb)) return new NotPlain("several rows");
  const extended = extendedBy(client, delegate, verb);
  if (extended !== undefined) return new NotPlain(extended);
  const omitted = globalOmit(client, delegate);
  try {
    return plan({ metadata, model, verb, args, omitted, operationId, now: new Date() });
  } catch (error) {
    if (error instanceof NotPlain) return error;
    throw error;
  }
}

function isSingle(verb: Verb): verb is SingleVerb {
  return verb !== "createMany" && verb !== "updateMany";
}

/**
 * Arguments as a fingerprint takes them: Prisma's nulls are instances without content, each told apart by its name, and what is to be
 * skipped is not there. What holds none of these, which is nearly everything, stays as it is; so does what is nested too deeply, for the fingerprint to refuse.
 */
function comparable(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== "object" || depth > DEPTH_MAX) return value;
  if (value === skip) return undefined;
  const name = jsonNull(value);
  if (name !== undefined) return new Map([["null", name]]);
  const isList = Array.isArray(value);
  if (!isList && Object.getPrototypeOf(value) !== Object.prototype) return value;
  let changed: Map<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const given = (value as Args)[key];
    const own = comparable(given, depth + 1);
    if (Object.is(own, given)) continue;
    changed ??= new Map(Object.entries(value));
    changed.set(key, own);
  }
  if (changed === undefined) return value;
  return isList ? [...changed.values()] : Object.fromEntries(changed);
}

/**
 * As Prisma's own, such a promise does nothing until somebody waits for it: in a batch it is refused before it could run outside of
 * the batch's transaction.
 */
function lazily<T>(run: () => Promise<T>): Promise<T> {
  let running: Promise<T> | undefined;
  const begun = (): Promise<T> => {
    running ??= run();
    return running;
  };
  const lazy: Promise<T> & { requestTransaction(): Promise<never> } = {
    then: (done, failed) => begun().then(done, failed),
    catch: (failed) => begun().catch(failed),
    finally: (last) => begun().finally(last),
    requestTransaction: () =>
      Promise.reject(
        new TypeError(
          "A bound write cannot be part of `$transaction([…])`, whose statements cannot depend on what the ledger answers. Use " +
            "`$transaction(async (tx) => …)` with `tx.$operation(…)`, or `$once` for several writes as one operation.",
        ),
      ),
    [Symbol.toStringTag]: "PrismaPromise",
  };
  return lazy;
}
