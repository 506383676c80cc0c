import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type Type,
} from "@nestjs/common";
import { getDataSourceToken, getRepositoryToken } from "@nestjs/typeorm";
import type { DataSource, EntitySchema, ObjectLiteral } from "typeorm";
import { idempotency, TypeormLedger, type TypeormLedgerOptions } from "../ledger.js";
import { withIdempotency } from "../mixin.js";

type Entity = Type<ObjectLiteral> | EntitySchema;

export interface OpledgerFeature {
  /** The entities whose repositories are to be injected with `@InjectIdempotentRepository`. */
  readonly entities?: readonly Entity[] | undefined;
  /** The data source's name, where it is not the default one. */
  readonly dataSource?: string | undefined;
}

/** The options of `forRoot`: those of the ledger, and what is to be injected. */
export interface OpledgerModuleOptions extends TypeormLedgerOptions, OpledgerFeature {}

export interface OpledgerModuleAsyncOptions extends OpledgerFeature, Pick<ModuleMetadata, "imports"> {
  readonly inject?: FactoryProvider["inject"];
  readonly useFactory: (...injected: never[]) => TypeormLedgerOptions | Promise<TypeormLedgerOptions>;
}

const OPTIONS = Symbol("opledger options");

function ledgerToken(dataSource: string | undefined): string | typeof TypeormLedger {
  return dataSource === undefined ? TypeormLedger : `${dataSource}OpledgerLedger`;
}

function repositoryToken(entity: Entity, dataSource: string | undefined): string {
  const token = getRepositoryToken(entity as Type<ObjectLiteral>, dataSource);
  return `Idempotent:${typeof token === "string" ? token : `${dataSource ?? ""}${token.name}`}`;
}

/** Injects the ledger of a data source. */
export function InjectLedger(dataSource?: string): ParameterDecorator & PropertyDecorator {
  return Inject(ledgerToken(dataSource));
}

/** Injects an entity's repository with `once` and `operation`: `Repository<E> & Idempotency<E>`. */
export function InjectIdempotentRepository(
  entity: Entity,
  dataSource?: string,
): ParameterDecorator & PropertyDecorator {
  return Inject(repositoryToken(entity, dataSource));
}

/**
 * The ledger for Nest, over a data source of `@nestjs/typeorm`. Global, so it is imported once, in the root module.
 *
 * @example
 * imports: [TypeOrmModule.forRoot({ … }), OpledgerModule.forRoot({ entities: [Account] })]
 */
export class OpledgerModule {
  static forRoot({ entities, dataSource, ...options }: OpledgerModuleOptions = {}): DynamicModule {
    return OpledgerModule.forRootAsync({ entities, dataSource, useFactory: () => options });
  }

  static forRootAsync(given: OpledgerModuleAsyncOptions): DynamicModule {
    const { entities = [], dataSource, imports = [], inject = [], useFactory } = given;
    const ledger: FactoryProvider = {
      provide: ledgerToken(dataSource),
      inject: [getDataSourceToken(dataSource), OPTIONS],
      useFactory: (source: DataSource, options: TypeormLedgerOptions) => idempotency(source, options),
    };
    const repositories = entities.map(
      (entity): FactoryProvider => ({
        provide: repositoryToken(entity, dataSource),
        inject: [ledger.provide],
        useFactory: (own: TypeormLedger) => withIdempotency(own.dataSource.getRepository(entity), own),
      }),
    );
    const options: FactoryProvider = {
      provide: OPTIONS,
      inject,
      useFactory: useFactory as (...injected: unknown[]) => unknown,
    };
    return {
      module: OpledgerModule,
      global: true,
      imports,
      providers: [options, ledger, ...repositories],
      exports: [ledger, ...repositories],
    };
  }
}

Module({})(OpledgerModule);
