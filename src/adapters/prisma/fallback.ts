import { decodeRow, OtherFormError, storedText } from "../../core/codec.js";
import type { LedgerContext } from "../../core/context.js";
import type { ClaimedOperation } from "../../core/dialect.js";
import { RowNotFoundError, VersionConflictError } from "../../core/errors.js";
import type { Row } from "../../core/executor.js";
import { LostRace } from "../../core/failure.js";
import { onceAs } from "../../core/once.js";
import { type OperationRef, summarize } from "../../core/operation.js";
import type { Effect, WriteOutcome } from "../../core/outcome.js";
import type { Entries } from "../../core/writes.js";
import { ROW_TEXT } from "../../dialects/postgres/index.js";
import { flattened } from "./arguments.js";
import type { PrismaClientLike } from "./client.js";
import { factsOf } from "./facts.js";
import { prismaCode } from "./failure.js";
import { hydrate } from "./hydrate.js";
import type { ModelMetadata, PrismaMetadata } from "./metadata.js";
import { bound } from "./values.js";

type Args = Readonly<Record<string, unknown>>;
export type Verb = "create" | "createMany" | "upsert" | "update" | "updateMany" | "delete";

/** A model's delegate, as far as these writes need it. */
type Delegate = Record<Verb | "findUnique", (args: Args) => Promise<unknown>>;

export interface FallbackWrite {
  readonly context: LedgerContext<PrismaClientLike>;
  readonly ref: OperationRef;
  readonly operation: ClaimedOperation;
  readonly metadata: PrismaMetadata;
  readonly model: ModelMetadata;
  readonly delegate: string;
  readonly verb: Verb;
  readonly args: Args;
}

interface Left {
  readonly effect: Effect;
  readonly value: unknown;
}

/** How often a row that was not there may turn out to be there after all, before the violation is the caller's own. */
const RACES_MAX = 3;

/** A bound write that no single statement can express, by Prisma's own methods in one transaction with its claim and result. */
export async function fallBack(asked: FallbackWrite): Promise<WriteOutcome<unknown>> {
  let races = 0;
  const work = async (tx: PrismaClientLike): Promise<Left> => {
    const delegate = (tx as unknown as Record<string, Delegate>)[asked.delegate];
    if (delegate === undefined) throw new TypeError(`the client has no model ${asked.delegate}`);
    try {
      return await write(asked, tx, delegate);
    } catch (error) {
      if (asked.verb === "upsert" && prismaCode(error) === "P2002" && ++races <= RACES_MAX)
        throw new LostRace(error);
      throw error;
    }
  };
  // A list, which no row is.
  const listed = async (tx: PrismaClientLike): Promise<readonly [Effect, unknown]> => {
    const { effect, value } = await work(tx);
    return [effect, value];
  };
  const { status, value } = await onceAs(asked.context, asked.operation, asked.ref, listed, {});
  const left = Array.isArray(value) ? { effect: value[0], value: value[1] } : await storedRow(asked);
  return { status, ...left };
}

/** What an earlier run left that took a single statement, under other arguments or beside other extensions. */
async function storedRow({ context, operation, metadata, model, verb }: FallbackWrite): Promise<Left> {
  const { database, dialect, responseMs, codec } = context;
  const [found] = (await database.run(dialect.inspect(operation), responseMs)).rows;
  const { result } = found === undefined ? { result: null } : dialect.readRecord(found);
  if (result === null) throw new OtherFormError("is gone");
  const stored = storedText(result);
  const { effect, row } =
    stored === undefined ? decodeRow(result, codec) : { effect: stored.effect, row: rowOf(stored.text) };
  if (row === null || (verb === "delete" && effect === "unchanged")) return { effect, value: null };
  const columns = new Set(Object.keys(stored === undefined ? row : (JSON.parse(stored.text) as Row)));
  const fields = factsOf(model).columns.flatMap(([name, { column }]) => (columns.has(column) ? [name] : []));
  return { effect, value: hydrate(row, { model, fields }, metadata) };
}

function rowOf(text: string): Row | null {
  return text === "" ? null : { [ROW_TEXT]: text };
}

async function write(asked: FallbackWrite, tx: PrismaClientLike, delegate: Delegate): Promise<Left> {
  const { verb, args } = asked;
  switch (verb) {
    case "create":
      return {
        effect: "inserted",
        value: await delegate.create({ ...args, data: withOperation(asked, args.data) }),
      };
    case "createMany":
      return { effect: "inserted", value: await delegate.createMany(args) };
    case "updateMany":
      return { effect: "updated", value: await delegate.updateMany(args) };
    case "upsert":
      return upsert(asked, delegate);
    case "update":
      await lockFiltered(asked, tx);
      return { effect: "updated", value: await update(asked, delegate) };
    case "delete":
      await lockFiltered(asked, tx);
      return remove(asked, delegate);
  }
}

/** What Prisma does itself, with the row locked in between; whoever inserts it meanwhile makes this one start again. */
async function upsert(asked: FallbackWrite, delegate: Delegate): Promise<Left> {
  const { model, args } = asked;
  const { where, create, update: data, ...shown } = args;
  const select = Object.fromEntries(model.uniques[0].fields.map((name) => [name, true]));
  const stands = await delegate.findUnique({ where, select });
  if (stands === null) {
    return {
      effect: "inserted",
      value: await delegate.create({ ...shown, data: withOperation(asked, create) }),
    };
  }
  return { effect: "updated", value: await delegate.update({ ...shown, where, data }) };
}

async function remove(asked: FallbackWrite, delegate: Delegate): Promise<Left> {
  try {
    return { effect: "deleted", value: await delegate.delete(asked.args) };
  } catch (error) {
    if (prismaCode(error) !== "P2025") throw error;
    return { effect: "unchanged", value: null };
  }
}

async function update(asked: FallbackWrite, delegate: Delegate): Promise<unknown> {
  const { model, args } = asked;
  const flat = flattened(model, args.where as Args);
  const expected = model.version === undefined ? undefined : flat.get(model.version);
  try {
    if (model.version === undefined || (typeof expected !== "number" && typeof expected !== "bigint")) {
      return await delegate.update(args);
    }
    await bump(asked, delegate, flat, expected);
    const data = { ...(args.data as Args) };
    delete data[model.version];
    return await delegate.update({ ...args, where: uniqueWhere(model, flat, args.where as Args), data });
  } catch (error) {
    throw prismaCode(error) === "P2025" ? notFound(asked, error) : error;
  }
}

/** By the count of `updateMany`: `update` on MySQL reads first, and tells losers that they have won. */
async function bump(
  { model, operation }: FallbackWrite & { readonly model: ModelMetadata },
  delegate: Delegate,
  flat: ReadonlyMap<string, unknown>,
  expected: number | bigint,
): Promise<void> {
  const version = String(model.version);
  const where = Object.fromEntries(flat);
  const changed = (await delegate.updateMany({ where, data: { [version]: { increment: 1 } } })) as {
    readonly count: number;
  };
  if (changed.count === 1) return;
  const { [version]: _, ...unversioned } = where;
  const unique = model.uniques.find(({ fields }) => fields.every((name) => name in unversioned));
  const own = unique === undefined ? unversioned : compound(unique, unversioned);
  const found = (await delegate.findUnique({ where: own, select: { [version]: true } })) as Args | null;
  const details = { operation: summarize(operation) };
  if (found === null)
    throw new RowNotFoundError(
      `Operation ${JSON.stringify(operation.operation)}: no row matched \`where\`.`,
      details,
    );
  const actual = found[version] as number | bigint | null;
  throw new VersionConflictError(
    `Operation ${JSON.stringify(operation.operation)}: the row has version ${actual}, not ${expected}. Nothing was written or ` +
      "recorded. Read the row again and decide anew, under a new key.",
    { ...details, expected, actual },
  );
}

/** The row by its unique constraint alone: its version has changed by now. */
function uniqueWhere(model: ModelMetadata, flat: ReadonlyMap<string, unknown>, given: Args): Args {
  const met = model.uniques.find(({ fields }) => fields.every((name) => flat.has(name)));
  return met === undefined ? given : compound(met, Object.fromEntries(flat));
}

function compound({ name, fields }: ModelMetadata["uniques"][number], flat: Args): Args {
  const own = Object.fromEntries(fields.map((field) => [field, flat[field]]));
  return fields.length === 1 ? own : { [name ?? fields.join("_")]: own };
}

/** Prisma reads what `where` finds, and then writes by its id: with the row locked, what it has read stays true. */
async function lockFiltered(
  { context, model, metadata, args }: FallbackWrite,
  tx: PrismaClientLike,
): Promise<void> {
  const { lock } = context.dialect;
  if (lock === undefined || args.where === null || typeof args.where !== "object") return;
  const flat = flattened(model, args.where as Args);
  const met = model.uniques.find(({ fields }) => fields.every((name) => flat.has(name)));
  if (met === undefined || flat.size === met.fields.length) return;
  const where: Entries = met.fields.flatMap((name) => {
    const field = model.fields[name];
    return field === undefined || field.kind === "relation"
      ? []
      : [[field.column, bound(field, flat.get(name), metadata)] as const];
  });
  const { sql, values } = lock(
    model.schema === undefined ? [model.table] : [model.schema, model.table],
    where,
  );
  await tx.$queryRawUnsafe(sql, ...values);
}

function withOperation({ model, operation }: FallbackWrite, data: unknown): unknown {
  if (model.operationId === undefined || data === null || typeof data !== "object") return data;
  return { [model.operationId]: operation.id, ...data };
}

function notFound({ operation, delegate }: FallbackWrite, cause: unknown): RowNotFoundError {
  return new RowNotFoundError(
    `Operation ${JSON.stringify(operation.operation)}: no ${delegate} matched \`where\`, or a record that the write needs is not there. ` +
      "Nothing was written or recorded, so the same key may be tried again once it exists.",
    { operation: summarize(operation), cause },
  );
}
