import { Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { TypeOrmModule } from "@nestjs/typeorm";
import { InjectIdempotentRepository, OpledgerModule } from "opledger/nestjs";
import { type Idempotency, ledgerMigration } from "opledger/typeorm";
import type { Repository } from "typeorm";
import { Item, Reservation } from "./entities.js";

@Injectable()
class Warehouse {
  @InjectIdempotentRepository(Item)
  readonly items!: Repository<Item> & Idempotency<Item>;

  async receive(key: string, sku: string, quantity: number): Promise<string> {
    const { status, value } = await this.items
      .operation({ operation: "receive", key })
      .increment({ sku }, "stock", quantity);
    return `${status}: stock ${value.stock}`;
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: "sqljs",
      entities: [Item, Reservation],
      synchronize: true,
      migrations: [ledgerMigration({ timestamp: 1795319756731 })],
      migrationsRun: true,
    }),
    OpledgerModule.forRoot({ entities: [Item] }),
  ],
  providers: [Warehouse],
})
class Application {}

const application = await NestFactory.createApplicationContext(Application, { logger: false });
const warehouse = application.get(Warehouse);
await warehouse.items.insert({ sku: "lamp", stock: 10, priceCents: 4200 });
for (let delivery = 1; delivery <= 3; delivery += 1) {
  console.log(await warehouse.receive("pallet-7", "lamp", 5));
}
await application.close();
