/** Other extensions of the same client, registered before ours and after: whatever they add must go on working. */
import { Prisma } from "@prisma/client/extension";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { metadata as postgresMetadata } from "../../prisma/generated/postgresql/opledger/metadata.js";
import { metadata as sqliteMetadata } from "../../prisma/generated/sqlite/opledger/metadata.js";
import { opledger } from "../../src/adapters/prisma/index.js";
import type { LedgerEvent } from "../../src/index.js";
import { isThere, op, twice } from "./cases.js";
import { type Opened, openDatabase, postgresClient, sqliteClient } from "./open.js";

type Seen = string[];
interface Hooked {
  readonly model?: string;
  readonly operation: string;
  readonly args: never;
  readonly query: (args: never) => Promise<unknown>;
}

/** Notes each of a model's operations that passes through it. */
function noting(name: string, seen: Seen) {
  const note = ({ model, operation, args, query }: Hooked): Promise<unknown> => {
    seen.push(`${name} ${model}.${operation}`);
    return query(args);
  };
  return { name, query: { $allModels: { $allOperations: note } } } as never;
}

/** One of each kind of component. */
function everyKind(name: string, seen: Seen) {
  return Prisma.defineExtension((client) =>
    client.$extends(noting(name, seen)).$extends({
      client: { [`${name}Client`]: () => name },
      model: { $allModels: { [`${name}Model`]: () => name } },
      result: {
        account: {
          [`${name}Label`]: {
            needs: { owner: true },
            compute: ({ owner }: { owner: string }) => `${name} ${owner}`,
          },
        },
      },
    } as never),
  );
}

for (const engine of ["postgres15", "sqlite"] as const) {
  describe.skipIf(!isThere(engine))(`beside other extensions on ${engine}`, () => {
    let opened: Opened;
    let bare: ReturnType<typeof postgresClient>;
    const events: LedgerEvent[] = [];
    const ours = opledger({
      metadata: engine === "sqlite" ? sqliteMetadata : postgresMetadata,
      onEvent: (event) => events.push(event),
    });

    beforeAll(async () => {
      opened = await openDatabase(engine);
      bare = (engine === "sqlite" ? sqliteClient(opened.url) : postgresClient(opened.url)) as typeof bare;
    });
    afterAll(async () => {
      await bare?.$disconnect();
      await opened?.drop();
    });
    const reasons = (operation: string) =>
      events.flatMap((event) =>
        event.type === "fallback" && event.operation.operation === operation ? [event.reason] : [],
      );
    /** A client extended by `before`, by ours and by `after`. */
    const between = (before: never, after: never) => {
      const client = bare.$extends(before).$extends(ours).$extends(after);
      return client as unknown as ReturnType<typeof plainly>;
    };
    const plainly = () => bare.$extends(ours);

    test("hooks before and after see a write as they see Prisma's own, once per operation", async () => {
      const seen: Seen = [];
      const prisma = between(noting("before", seen), noting("after", seen));
      const label = op("label").key;
      await prisma.tag.create({ data: { label: `${label}-1` } });
      const wanted = seen.splice(0);
      expect([...wanted].sort()).toStrictEqual(["after Tag.create", "before Tag.create"]);
      await twice(() =>
        prisma.$once({ operation: "o", key: label }, (tx) =>
          tx.tag.create({ data: { label: `${label}-2` } }),
        ),
      );
      expect(seen.splice(0)).toStrictEqual(wanted);
      await twice(() =>
        prisma.$operation({ operation: "hooked", key: label }).tag.create({ data: { label: `${label}-3` } }),
      );
      expect(seen.splice(0)).toStrictEqual(wanted);
      expect(reasons("hooked")).toStrictEqual(["a query extension"]);
      await prisma.$transaction((tx) => tx.$operation(op("o")).tag.create({ data: { label: `${label}-4` } }));
      expect(seen).toStrictEqual(wanted);
    });

    test.each(["before", "after"])(
      "what a hook of one model registered %s changes is what is written",
      async (side) => {
        const upper = {
          query: {
            tag: {
              create: ({
                args,
                query,
              }: {
                args: { data: { label: string } };
                query: (args: unknown) => unknown;
              }) => query({ ...args, data: { label: args.data.label.toUpperCase() } }),
            },
          },
        } as never;
        const nothing = { name: "nothing" } as never;
        const prisma = side === "before" ? between(upper, nothing) : between(nothing, upper);
        const label = `${side}-${op("label").key}`;
        const { value } = await twice(() =>
          prisma.$operation({ operation: "upper", key: label }).tag.create({ data: { label } }),
        );
        expect(value.label).toBe(label.toUpperCase());
        expect(await bare.tag.findUnique({ where: { id: value.id } })).toStrictEqual(value);
        // A write that the hook does not concern stays a single statement.
        const changed = await prisma
          .$operation({ operation: "untouched", key: label })
          .tag.update({ where: { id: value.id }, data: { label } });
        expect([changed.value.label, reasons("untouched")]).toStrictEqual([label, []]);
      },
    );

    test("a hook of every query sees the ledger's statements, and does not disturb them", async () => {
      const seen: Seen = [];
      const all = ({ operation, args, query }: Hooked): Promise<unknown> => {
        seen.push(operation);
        return query(args);
      };
      const prisma = between(
        { query: { $allOperations: all } } as never,
        { query: { $allOperations: all } } as never,
      );
      const label = op("label").key;
      await twice(() => prisma.$operation({ operation: "all", key: label }).tag.create({ data: { label } }));
      expect(seen.filter((name) => name === "create")).toHaveLength(2);
      expect(seen).toContain("$queryRawUnsafe");
    });

    test.skipIf(engine === "sqlite")(
      "where reads outside of transactions go to a replica, writes do not",
      async () => {
        const replica = postgresClient(opened.url, { startup: "-c default_transaction_read_only=on" });
        const reading = /^(?:find|count|aggregate|groupBy|\$queryRaw)/;
        type Routed = Hooked & { readonly __internalParams: { readonly transaction?: unknown } };
        const route = ({ model, operation, args, query, __internalParams: { transaction } }: Routed) => {
          if (transaction !== undefined || !reading.test(operation)) return query(args);
          const elsewhere = (model === undefined ? replica : replica[model.toLowerCase() as "tag"]) as never;
          const method = elsewhere[operation as never] as (...given: unknown[]) => Promise<unknown>;
          return Array.isArray(args) ? method.apply(elsewhere, args) : method.call(elsewhere, args);
        };
        const prisma = between({ name: "nothing" } as never, { query: { $allOperations: route } } as never);
        const label = op("replica").key;
        await twice(() => prisma.$operation({ operation: "r", key: label }).tag.create({ data: { label } }));
        await twice(() =>
          prisma.$once({ operation: "s", key: label }, (tx) =>
            tx.tag.update({ where: { label }, data: { label: `${label}-2` } }),
          ),
        );
        expect(await bare.tag.count({ where: { label: `${label}-2` } })).toBe(1);
        await replica.$disconnect();
      },
    );

    test("methods and computed fields of both are there in the work, in a transaction and in what a write gives", async () => {
      const seen: Seen = [];
      const prisma = between(everyKind("before", seen) as never, everyKind("after", seen) as never);
      const id = (await bare.account.create({ data: { owner: "o" } })).id;
      const checked = (tx: unknown) => {
        const { beforeClient, afterClient, account } = tx as Record<string, () => string> & {
          account: Record<string, () => string>;
        };
        return [beforeClient?.(), afterClient?.(), account.beforeModel?.(), account.afterModel?.()];
      };
      const { value } = await prisma.$once(op("methods"), async (tx) => {
        const row = await tx.account.findUniqueOrThrow({ where: { id } });
        const inner = await tx.$once(op("inner"), (deep) => checked(deep));
        return { methods: [...checked(tx), ...inner.value], labels: labelsOf(row) };
      });
      const names = ["before", "after", "before", "after"];
      expect(value).toStrictEqual({ methods: [...names, ...names], labels: ["before o", "after o"] });
      const updated = await prisma
        .$operation(op("labels"))
        .account.update({ where: { id }, data: { balance: { increment: 1 } } });
      expect(labelsOf(updated.value)).toStrictEqual(["before o", "after o"]);
      expect(updated.value.balance).toBe(1);
    });
  });
}

function labelsOf(row: unknown): unknown[] {
  const { beforeLabel, afterLabel } = row as Record<string, unknown>;
  return [beforeLabel, afterLabel];
}
