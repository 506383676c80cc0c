import { Body, Controller, Headers, Inject, Injectable, Module, Param, Post } from "@nestjs/common";
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

@Controller("accounts")
class AccountController {
  constructor(@Inject(Accounts) readonly accounts: Accounts) {}

  @Post(":id/top-up")
  topUp(
    @Param("id") id: string,
    @Headers("idempotency-key") key: string,
    @Body() { amount }: { readonly amount: number },
  ): Promise<{ status: string; balance: number }> {
    return this.accounts.topUp(Number(id), key, amount);
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

    it("serves duplicates of a request over HTTP with one effect and one answer", async () => {
      const root = {
        module: Root,
        imports: [typeorm(), OpledgerModule.forRoot({ entities: [Account] })],
        controllers: [AccountController],
        providers: [Accounts],
      };
      const application = await NestFactory.create(root, { logger: false });
      await application.listen(0, "127.0.0.1");
      const { accounts } = application.get(Accounts);
      const { id } = await accounts.save({ email: "http@example.org" });
      const url = `${await application.getUrl()}/accounts/${id}/top-up`;
      const post = async (key: string, amount: number): Promise<{ code: number; body: unknown }> => {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": key },
          body: JSON.stringify({ amount }),
        });
        return { code: response.status, body: await response.json() };
      };
      const answers = await Promise.all(Array.from({ length: 10 }, () => post("request-1", 5)));
      expect(answers.filter(({ body }) => (body as { status: string }).status === "executed")).toHaveLength(
        1,
      );
      for (const { code, body } of answers) expect([code, body]).toMatchObject([201, { balance: 5 }]);
      // The same key with another payload is no success, and changes nothing.
      expect((await post("request-1", 6)).code).toBe(500);
      expect(await post("request-2", 1)).toStrictEqual({
        code: 201,
        body: { status: "executed", balance: 6 },
      });
      await application.close();
    });
  });
});
