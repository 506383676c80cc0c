import { Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { getRepositoryToken, TypeOrmModule } from "@nestjs/typeorm";
import type { DataSourceOptions, Repository } from "typeorm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Idempotency, ledgerMigration, type TypeormLedger } from "../../src/adapters/typeorm/index.js";
import {
  InjectIdempotentRepository,
  InjectLedger,
  OpledgerModule,
} from "../../src/adapters/typeorm/nest/index.js";
import { emptyDatabase, optionsOf, unavailable } from "./database.js";
import { Account, ENTITIES, Payment } from "./entities.js";

@Injectable()
class Accounts {
  @InjectIdempotentRepository(Account) readonly accounts!: Repository<Account> & Idempotency<Account>;
  @InjectLedger() readonly ledger!: TypeormLedger;

  async topUp(id: number, key: string, amount: number): Promise<{ status: string; balance: number }> {
    const { status, value } = await this.accounts
      .operation({ operation: "top_up", key })
      .increment({ id }, "balance", amount);
    return { status, balance: value.balance };
  }
}

class Root {}
Module({})(Root);

const SETTING = Symbol("setting");
@Module({ providers: [{ provide: SETTING, useValue: { waitMs: 500 } }], exports: [SETTING] })
class Settings {}

const migrations = [ledgerMigration({ timestamp: 1795319756731 })];
const events: string[] = [];

describe.each(["postgres", "sqljs"] as const)("the Nest module on %s", (engine) => {
  describe.skipIf(unavailable(engine) !== undefined)("in a Nest application", () => {
    let database: { url?: string; drop(): Promise<void> };
    const typeorm = () =>
      TypeOrmModule.forRoot({
        ...optionsOf(engine, database.url),
        entities: ENTITIES,
        synchronize: true,
        migrations,
        migrationsRun: true,
      } as DataSourceOptions);
    beforeAll(async () => {
      database = await emptyDatabase(engine);
    });
    afterAll(async () => {
      await database?.drop();
    });

    it.each([
      [
        "forRoot",
        () =>
          OpledgerModule.forRoot({
            entities: [Account, Payment],
            onEvent: ({ type }) => void events.push(type),
          }),
      ],
      [
        "forRootAsync",
        () =>
          OpledgerModule.forRootAsync({
            entities: [Account],
            imports: [Settings],
            inject: [SETTING],
            useFactory: async (setting: { readonly waitMs: number }) => ({
              ...setting,
              onEvent: ({ type }) => void events.push(type),
            }),
          }),
      ],
    ])("%s injects repositories and the ledger, with its options", async (name, opledger) => {
      const root = {
        module: Root,
        imports: [typeorm(), TypeOrmModule.forFeature([Account]), opledger()],
        providers: [Accounts],
      };
      const application = await NestFactory.createApplicationContext(root, { logger: false });
      const service = application.get(Accounts);
      const plain: Repository<Account> = application.get(getRepositoryToken(Account));
      const { id } = await plain.save({ email: `${name}@example.org` });
      expect(await service.topUp(id, name, 5)).toEqual({ status: "executed", balance: 5 });
      expect(await service.topUp(id, name, 5)).toEqual({ status: "replayed", balance: 5 });
      expect(events.splice(0)).toEqual(["executed", "replayed"]);
      const once = await service.ledger.once({ operation: "count", key: name }, (manager) =>
        manager.countBy(Account, { id }),
      );
      expect(once.value).toBe(1);
      expect(events.splice(0)).toEqual(["executed"]);
      // The repository that Nest's own module provides stays as it was.
      expect("operation" in plain).toBe(false);
      await application.close();
    });
  });
});
