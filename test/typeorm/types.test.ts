import { EntitySchema, type EntitySchemaColumnOptions } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withIdempotency } from "../../src/adapters/typeorm/index.js";
import {
  ENGINES,
  type EngineName,
  isSqlite,
  openDatabase,
  type TestDatabase,
  unavailable,
} from "./database.js";

type Column = EntitySchemaColumnOptions;
/** A column, and values for it: one inserted, one updated to. */
type Sample = readonly [options: Column, first: unknown, second: unknown];

const at = new Date("2026-02-03T04:05:06.000Z");
const later = new Date("2027-03-04T05:06:07.000Z");
const bytes = (text: string) => Buffer.from(text, "latin1");

const EVERYWHERE: Readonly<Record<string, Sample>> = {
  whole: [{ type: "int" }, 7, -7],
  letters: [{ type: "varchar", length: 200 }, 'é "quoted" \\ \u{1F600}', ""],
  date: [{ type: "date" }, "2026-02-03", "2027-12-31"],
  list: [{ type: "simple-array" }, ["a", "b"], []],
  json: [{ type: "simple-json" }, { a: [1, { b: null }] }, [1, 2]],
  flag: [{ type: "boolean" }, true, false],
};

const POSTGRES: Readonly<Record<string, Sample>> = {
  big: [{ type: "bigint" }, "9223372036854775807", "-1"],
  exact: [{ type: "numeric", precision: 20, scale: 4 }, "1234567890.1230", "0.0001"],
  real: [{ type: "double precision" }, 0.1 + 0.2, -1.5e-300],
  stamp: [{ type: "timestamp" }, at, later],
  zoned: [{ type: "timestamptz" }, at, later],
  clock: [{ type: "time" }, "04:05:06", "23:59:59"],
  blob: [{ type: "bytea" }, bytes("\x00\x01\xff"), bytes("")],
  document: [{ type: "jsonb" }, { a: [1, "x"], b: { c: null } }, "text"],
  plain: [{ type: "json" }, { b: 1, a: 2 }, [null]],
  tags: [{ type: "text", array: true }, ["x", 'y"z', "a,b"], []],
  numbers: [{ type: "int", array: true }, [1, 2, 3], [-1]],
  mood: [{ type: "enum", enum: ["happy", "sad"] }, "happy", "sad"],
  moods: [{ type: "enum", enum: ["up", "down"], array: true }, ["up", "down"], []],
  uuid: [{ type: "uuid" }, "2b1f0b2e-8f0a-4d53-9a52-0b3a4cf9bb5e", "00000000-0000-0000-0000-000000000000"],
  address: [{ type: "inet" }, "10.0.0.1", "::1"],
  span: [{ type: "interval" }, "1 day 02:03:04", "00:00:01"],
  range: [{ type: "int4range" }, "[1,5)", "[2,3)"],
};

const MYSQL: Readonly<Record<string, Sample>> = {
  big: [{ type: "bigint" }, "9223372036854775807", "-1"],
  exact: [{ type: "decimal", precision: 20, scale: 4 }, "1234567890.1230", "0.0001"],
  real: [{ type: "double" }, 0.1 + 0.2, -1.5],
  stamp: [{ type: "datetime", precision: 3 }, at, later],
  zoned: [{ type: "timestamp", precision: 3 }, at, later],
  clock: [{ type: "time" }, "04:05:06", "23:59:59"],
  blob: [{ type: "varbinary", length: 20 }, bytes("\x00\x01\xff"), bytes("")],
  document: [{ type: "json" }, { a: [1, "x"], b: { c: null } }, [1]],
  mood: [{ type: "enum", enum: ["happy", "sad"] }, "happy", "sad"],
  moods: [{ type: "set", enum: ["up", "down"] }, ["up", "down"], ["up"]],
  tiny: [{ type: "tinyint" }, 3, -3],
};

const SQLITE: Readonly<Record<string, Sample>> = {
  exact: [{ type: "decimal", precision: 10, scale: 2 }, 12.25, 0.5],
  real: [{ type: "double" }, 0.1 + 0.2, -1.5],
  stamp: [{ type: "datetime" }, at, later],
  clock: [{ type: "time" }, "04:05:06", "23:59:59"],
  blob: [{ type: "blob" }, bytes("\x00\x01\xff"), bytes("x")],
  document: [{ type: "json" }, { a: [1, "x"], b: { c: null } }, [1]],
  mood: [{ type: "simple-enum", enum: ["happy", "sad"] }, "happy", "sad"],
};

function samplesOf(engine: EngineName): Readonly<Record<string, Sample>> {
  if (isSqlite(engine)) return { ...EVERYWHERE, ...SQLITE };
  return { ...EVERYWHERE, ...(engine === "postgres" ? POSTGRES : MYSQL) };
}

type Values = Record<string, unknown> & { readonly id: number };

/** An entity with a column of each of the engine's types, and a computed one. */
function sampleEntity(engine: EngineName): EntitySchema<Values> {
  const columns = Object.entries(samplesOf(engine)).map(([name, [options]]): [string, Column] => [
    name,
    { name: `col_${name}`, nullable: true, ...options },
  ]);
  return new EntitySchema<Values>({
    name: "Sample",
    tableName: "samples",
    columns: {
      id: { type: "int", primary: true },
      ...Object.fromEntries(columns),
      doubled: {
        type: "int",
        nullable: true,
        asExpression: engine === "mariadb" || engine === "mysql" ? "col_whole * 2" : '"col_whole" * 2',
        generatedType: "STORED",
        insert: false,
        update: false,
      },
    } as never,
  });
}

let keys = 0;
const op = () => ({ operation: "sample", key: `sample-${++keys}` });

describe.each(ENGINES)("every type of column on %s", (engine) => {
  if (unavailable(engine) !== undefined) {
    it.skip(`is what find gives (skipped: ${unavailable(engine)})`, () => {});
    return;
  }
  const Sample = sampleEntity(engine);
  const samples = samplesOf(engine);
  const at = (index: 1 | 2) =>
    Object.fromEntries(Object.entries(samples).map(([name, sample]) => [name, sample[index]]));
  let database: TestDatabase;
  const repository = () => withIdempotency(database.dataSource.getRepository(Sample));

  beforeAll(async () => {
    database = await openDatabase(engine, { entities: [Sample] });
  });
  afterAll(async () => {
    await database?.close();
  });

  /** Runs a write twice, and reads the row as TypeORM does. */
  async function check(id: number, run: () => Promise<{ status: string; value: unknown }>): Promise<void> {
    const first = await run();
    expect(first.status).toBe("executed");
    expect(first.value).toStrictEqual(await repository().findOneByOrFail({ id } as never));
    expect(await run()).toStrictEqual({ ...first, status: "replayed" });
  }

  it("inserted, updated, upserted, saved and deleted: the outcome and its replay are what find gives", async () => {
    const [insert, update, upsert, nulls, remove] = [op(), op(), op(), op(), op()];
    await check(1, () =>
      repository()
        .operation(insert)
        .insert({ id: 1, ...at(1) } as never),
    );
    await check(1, () =>
      repository()
        .operation(update)
        .update({ id: 1 } as never, at(2) as never),
    );
    await check(2, () =>
      repository()
        .operation(upsert)
        .upsert({ id: 2, ...at(1) } as never, ["id"]),
    );
    const none = Object.fromEntries(Object.keys(samples).map((name) => [name, null]));
    await check(2, () =>
      repository()
        .operation(nulls)
        .update(2, none as never),
    );
    const before = await repository().findOneByOrFail({ id: 1 } as never);
    const gone = await repository().operation(remove).delete(1);
    expect(gone.value).toStrictEqual(before);
  });

  it("each one in the criteria finds its row", async () => {
    for (const [name, [, first]] of Object.entries(samples)) {
      const id = 100 + ++keys;
      await repository().insert({ id, [name]: first } as never);
      // Neither JSON nor floating point can be compared everywhere, and TypeORM itself gives arrays no meaning in criteria.
      if (typeof first === "object" && !(first instanceof Date)) continue;
      if (name === "real" || name === "plain") continue;
      const { value } = await repository()
        .operation(op())
        .update({ id, [name]: first } as never, { whole: 1 } as never);
      expect(value).toStrictEqual(await repository().findOneByOrFail({ id } as never));
    }
  });
});
