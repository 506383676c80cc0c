import { EntitySchema } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withIdempotency } from "../../src/adapters/typeorm/index.js";
import { ENGINES, openDatabase, type TestDatabase, unavailable } from "./database.js";

interface Order {
  id: number;
}

/** Told from others by the order that it belongs to, and by its place in it. */
interface Line {
  order?: Order;
  orderId: number;
  place: number;
  amount: number;
  version: number;
}

const Orders = new EntitySchema<Order>({
  name: "Order",
  tableName: "orders",
  columns: { id: { type: "int", primary: true } },
});

const Lines = new EntitySchema<Line>({
  name: "Line",
  tableName: "order_lines",
  columns: {
    orderId: { type: "int", primary: true, name: "order_id" },
    place: { type: "int", primary: true },
    amount: { type: "int", default: 0 },
    version: { type: "int", version: true },
  },
  relations: {
    order: { type: "many-to-one", target: "Order", joinColumn: { name: "order_id" } },
  },
});

let keys = 0;
const op = (operation: string) => ({ operation, key: `line-${++keys}` });

describe.each(ENGINES)("a key of several columns, one of them a relation's, on %s", (engine) => {
  if (unavailable(engine) !== undefined) {
    it.skip(`is one (skipped: ${unavailable(engine)})`, () => {});
    return;
  }
  let database: TestDatabase;
  const lines = () => withIdempotency(database.dataSource.getRepository(Lines));
  const amounts = async () =>
    (await lines().find({ order: { place: "ASC" } })).map(({ place, amount, version }) => [
      place,
      amount,
      version,
    ]);

  beforeAll(async () => {
    database = await openDatabase(engine, { entities: [Orders, Lines] });
    await database.dataSource.getRepository(Orders).insert([{ id: 1 }, { id: 2 }]);
  });
  afterAll(async () => {
    await database?.close();
  });

  it("tells one row from another in every verb", async () => {
    const order = { id: 1 };
    await lines().operation(op("add")).insert({ order, place: 1, amount: 5 });
    await lines().operation(op("put")).upsert({ orderId: 1, place: 2, amount: 7 }, ["orderId", "place"]);
    const again = await lines()
      .operation(op("put"))
      .upsert({ order, place: 2, amount: 8 }, ["orderId", "place"]);
    expect(again.effect).toBe("updated");
    const update = op("set");
    for (const status of ["executed", "replayed"]) {
      const made = await lines().operation(update).update({ order, place: 1, version: 1 }, { amount: 6 });
      expect(made).toMatchObject({ status, value: { place: 1, amount: 6, version: 2 } });
    }
    await lines().operation(op("more")).increment({ order, place: 2 }, "amount", 1);
    const read = await lines().findOneOrFail({ where: { order, place: 1 }, relations: { order: true } });
    await lines()
      .operation(op("save"))
      .save({ ...read, amount: 60 });
    expect(await amounts()).toStrictEqual([
      [1, 60, 3],
      [2, 9, 3],
    ]);
    await expect(
      lines()
        .operation(op("save"))
        .save({ ...read, amount: 61 }),
    ).rejects.toMatchObject({
      code: "OPLEDGER_VERSION_CONFLICT",
    });
    await expect(lines().operation(op("id")).delete(1)).rejects.toThrow(/no single primary column/);
    await lines().operation(op("drop")).delete({ order, place: 2 });
    expect(await amounts()).toStrictEqual([[1, 60, 3]]);
  });
});
