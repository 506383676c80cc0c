import type { Outcome } from "opledger";
import {
  type Idempotency,
  idempotency,
  ledgerMigration,
  VersionGuard,
  withIdempotency,
} from "opledger/typeorm";
import { DataSource, type Repository } from "typeorm";
import { Item, Reservation } from "./entities.js";

/** In memory, so that it runs anywhere; with `type: "postgres"` or `"mysql"` and a URL nothing else changes. */
export function openDataSource(): Promise<DataSource> {
  const dataSource = new DataSource({
    type: "sqljs",
    entities: [Item, Reservation],
    synchronize: true,
    migrations: [ledgerMigration({ timestamp: 1795319756731 })],
    migrationsRun: true,
    subscribers: [VersionGuard],
  });
  return dataSource.initialize();
}

/** A warehouse whose every change may be asked for more than once. */
export class Inventory {
  readonly items: Repository<Item> & Idempotency<Item>;

  constructor(readonly dataSource: DataSource) {
    this.items = withIdempotency(dataSource.getRepository(Item));
  }

  /** A pallet is scanned at the gate, and the scanner repeats itself: a logged increment. */
  receive(key: string, sku: string, quantity: number) {
    return this.items.operation({ operation: "receive", key }).increment({ sku }, "stock", quantity);
  }

  /** A price is changed by whoever read it last: a compare-and-set by the version that they saw. */
  reprice(key: string, { sku, version }: Item, priceCents: number) {
    return this.items.operation({ operation: "reprice", key }).update({ sku, version }, { priceCents });
  }

  /** Stock is taken and a reservation made: two writes, one operation. */
  reserve(key: string, sku: string, quantity: number): Promise<Outcome<{ left: number }>> {
    const payload = { sku, quantity };
    return idempotency(this.dataSource).once({ operation: "reserve", key, payload }, async (manager) => {
      const item = await manager.findOneByOrFail(Item, { sku });
      if (item.stock < quantity) throw new RangeError(`only ${item.stock} of ${sku} left`);
      await manager.decrement(Item, { sku }, "stock", quantity);
      await manager.insert(Reservation, { sku, quantity });
      return { left: item.stock - quantity };
    });
  }
}
