import { Item, Reservation } from "./entities.js";
import { Inventory, openDataSource } from "./inventory.js";

const dataSource = await openDataSource();
const inventory = new Inventory(dataSource);
const items = dataSource.getRepository(Item);
await items.insert({ sku: "lamp", stock: 10, priceCents: 4200 });

console.log("A scanner sends the same delivery three times:");
for (let delivery = 1; delivery <= 3; delivery += 1) {
  const { status, value } = await inventory.receive("pallet-7", "lamp", 5);
  console.log(`  ${status}: stock ${value.stock}`);
}

console.log("Five workers take the same order off a queue at once:");
const reserved = await Promise.all(Array.from({ length: 5 }, () => inventory.reserve("order-1", "lamp", 12)));
for (const { status, value } of reserved) console.log(`  ${status}: ${value.left} left`);

console.log("Two people change the price that both have read:");
const read = await items.findOneByOrFail({ sku: "lamp" });
for (const [key, price] of [
  ["ann-1", 3900],
  ["bob-1", 4500],
  ["ann-1", 3900],
] as const) {
  const told = await inventory.reprice(key, read, price).then(
    ({ status, value }) => `${status}, ${value.priceCents} at version ${value.version}`,
    (error: { code?: string }) => `refused: ${error.code}`,
  );
  console.log(`  ${key.slice(0, 3)}: ${told}`);
}

console.log("Old code saves what it read before all that:");
const saved = await items.save({ ...read, stock: 100 }).then(
  () => "saved",
  (error: { code?: string }) => `refused: ${error.code}`,
);
console.log(`  ${saved}`);

const { stock, priceCents } = await items.findOneByOrFail({ sku: "lamp" });
const reservations = await dataSource.getRepository(Reservation).count();
console.log(`In the end: stock ${stock}, price ${priceCents}, ${reservations} reservation`);
await dataSource.destroy();
