import type { EntityManager, ObjectLiteral, Repository } from "typeorm";
import type { LedgerContext } from "../../core/context.js";
import type { Row } from "../../core/executor.js";
import { type OnceOptions, once } from "../../core/once.js";
import { identify, type OperationRef } from "../../core/operation.js";
import type { Outcome, WriteOutcome } from "../../core/outcome.js";
import { claimWrite, runWrite } from "../../core/write.js";
import { add, insert, type MakeWrite, remove, save, softDelete, update, upsert } from "./bound.js";
import { hydrated } from "./hydrate.js";
import { idempotency, type TypeormLedger } from "./ledger.js";
import type { Criteria, PropertyPath, Values } from "./types.js";

/** Where a repository's operations run: found anew for each call, since the manager may depend on the call's context. */
type Where = () => Promise<LedgerContext<EntityManager>>;

/** A repository whose writes can be bound to operations. */
export class IdempotentRepository<E extends ObjectLiteral> {
  readonly #repository: Repository<E>;
  readonly #ledger: TypeormLedger;
  readonly #where: Where;

  /** @internal See {@link idempotent}. */
  constructor(repository: Repository<E>, ledger: TypeormLedger, where: Where) {
    this.#repository = repository;
    this.#ledger = ledger;
    this.#where = where;
  }

  /** The same in the transaction of a manager, whatever manager the repository has. */
  inTransaction(manager: EntityManager): IdempotentRepository<E> {
    const context = this.#ledger.joining(manager);
    return new IdempotentRepository(this.#repository, this.#ledger, async () => context);
  }

  /**
   * Runs `work` once per operation; see `Ledger.once`. Inside it, write through the manager that it is given:
   * `manager.withRepository(repository)`.
   */
  async once<T>(
    operation: OperationRef,
    work: (manager: EntityManager) => Promise<T> | T,
    options: OnceOptions = {},
  ): Promise<Outcome<T>> {
    return once(await this.#where(), operation, work, options);
  }

  /** Binds an operation to this repository's writes. One operation is one write. */
  operation(operation: OperationRef): BoundRepository<E> {
    return new BoundRepository(this.#repository, this.#where, operation);
  }
}

export interface InsertOptions<E> {
  /** Properties of a natural key: where a row with these values already stands, it is left alone and returned. */
  readonly conflict?: readonly PropertyPath<E>[] | undefined;
}

/**
 * An operation bound to the writes of a repository, under TypeORM's own names. Each is one statement where the engine can,
 * concerns one row, and gives the entity as `find` would. Listeners and subscribers of inserts, updates and removals are
 * not called, and relations not cascaded; what needs them is written inside `once`.
 */
export class BoundRepository<E extends ObjectLiteral> {
  readonly #repository: Repository<E>;
  readonly #where: Where;
  readonly #ref: OperationRef;

  /** @internal See {@link IdempotentRepository.operation}. */
  constructor(repository: Repository<E>, where: Where, ref: OperationRef) {
    this.#repository = repository;
    this.#where = where;
    this.#ref = ref;
  }

  /** Inserts a row. Without `conflict`, a unique violation is thrown as TypeORM throws it. */
  insert(values: Values<E>, options: InsertOptions<E> = {}): Promise<WriteOutcome<E>> {
    return this.#run(insert(values, options.conflict ?? []));
  }

  /** Inserts a row, or updates the one that stands under the conflict's properties; `effect` tells which. */
  upsert(values: Values<E>, conflict: readonly PropertyPath<E>[]): Promise<WriteOutcome<E>> {
    return this.#run(upsert(values, conflict));
  }

  /**
   * Updates one row; with its `@VersionColumn` among the criteria, only at that version. The version and the update date
   * are bumped either way.
   *
   * @throws {RowNotFoundError} no row matched; not recorded
   * @throws {VersionConflictError} the row has another version; not recorded
   */
  update(criteria: Criteria<E>, values: Values<E>): Promise<WriteOutcome<E>> {
    return this.#run(update(criteria, values));
  }

  /** Adds to a column of one row, once per operation however often it is retried. */
  increment(
    criteria: Criteria<E>,
    property: PropertyPath<E>,
    amount: number | bigint | string,
  ): Promise<WriteOutcome<E>> {
    return this.#run(add("increment", criteria, property, amount));
  }

  /** Subtracts from a column of one row. */
  decrement(
    criteria: Criteria<E>,
    property: PropertyPath<E>,
    amount: number | bigint | string,
  ): Promise<WriteOutcome<E>> {
    return this.#run(add("decrement", criteria, property, amount));
  }

  /**
   * Inserts an entity that has no version yet; updates one that has, only at that version. The entity given stays as it is:
   * the outcome's value is the saved one. Nothing is cascaded.
   *
   * @throws {VersionConflictError} the row was changed since the entity was read; not recorded
   */
  save(entity: Values<E>): Promise<WriteOutcome<E>> {
    return this.#run(save(entity));
  }

  /** Deletes one row and gives what it was; where there was none, `effect` is `unchanged` and the value null. */
  delete(criteria: Criteria<E>): Promise<WriteOutcome<E | null>> {
    return this.#run<E | null>(remove(criteria));
  }

  /** Sets the `@DeleteDateColumn` of one row by the database's clock. */
  softDelete(criteria: Criteria<E>): Promise<WriteOutcome<E>> {
    return this.#run(softDelete("softDelete", criteria));
  }

  /** Makes the `@DeleteDateColumn` of one row NULL again. */
  restore(criteria: Criteria<E>): Promise<WriteOutcome<E>> {
    return this.#run(softDelete("restore", criteria));
  }

  async #run<R extends E | null = E>(make: MakeWrite): Promise<WriteOutcome<R>> {
    const context = await this.#where();
    const { metadata } = this.#repository;
    const identity = identify(this.#ref, context.retentionMs);
    const { write, intent } = make(metadata, identity.id);
    const claimed = claimWrite(identity, this.#ref, write, intent);
    const outcome = await runWrite<EntityManager, Row | null>(context, claimed, write);
    const value = outcome.value === null ? null : await hydrated(metadata, outcome.value);
    return { status: outcome.status, effect: outcome.effect, value: value as R };
  }
}

/**
 * The explicit form: a repository's operations, without changing the repository.
 *
 * @param ledger the data source's own unless given
 */
export function idempotent<E extends ObjectLiteral>(
  repository: Repository<E>,
  ledger?: TypeormLedger,
): IdempotentRepository<E> {
  const own = ledger ?? idempotency(repository.manager.dataSource);
  // Read per call: what runs in a transaction of its context has a manager of that transaction there.
  return new IdempotentRepository(repository, own, () => own.contextOf(repository.manager));
}
