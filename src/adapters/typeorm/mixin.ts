import type { EntityManager, ObjectLiteral, Repository } from "typeorm";
import type { OnceOptions } from "../../core/once.js";
import type { OperationRef } from "../../core/operation.js";
import type { Outcome } from "../../core/outcome.js";
import type { TypeormLedger } from "./ledger.js";
import { type BoundRepository, idempotent } from "./repository.js";

/** What a repository gains. */
export interface Idempotency<E extends ObjectLiteral> {
  /** Runs `work` once per operation; see `Ledger.once`. In an open transaction of the repository's manager, it joins. */
  once<T>(
    operation: OperationRef,
    work: (manager: EntityManager) => Promise<T> | T,
    options?: OnceOptions,
  ): Promise<Outcome<T>>;
  /** Binds an operation to this repository's writes. */
  operation(operation: OperationRef): BoundRepository<E>;
}

/**
 * The repository with `once` and `operation`, which `manager.withRepository` keeps. Its own methods are as before.
 *
 * @param ledger the data source's own unless given
 */
export function withIdempotency<E extends ObjectLiteral, R extends Repository<E>>(
  repository: R & Repository<E>,
  ledger?: TypeormLedger,
): R & Idempotency<E> {
  const methods: Idempotency<E> & ThisType<Repository<E>> = {
    once(operation, work, options) {
      return idempotent<E>(this as unknown as Repository<E>, ledger).once(operation, work, options);
    },
    operation(operation) {
      return idempotent<E>(this as unknown as Repository<E>, ledger).operation(operation);
    },
  };
  // Not a copy, since repositories may have constructors of their own; and the one given stays as it is.
  return Object.assign(Object.create(repository) as R, methods);
}

type RepositoryClass<E extends ObjectLiteral> = new (...given: never[]) => Repository<E>;

/**
 * A repository class with `once` and `operation`, to extend.
 *
 * @example
 * class AccountRepository extends Idempotent(Repository<Account>) {}
 */
export function Idempotent<E extends ObjectLiteral, C extends RepositoryClass<E>>(
  Base: C & RepositoryClass<E>,
): new (
  ...given: ConstructorParameters<C>
) => InstanceType<C> & Idempotency<E> {
  return class extends (Base as RepositoryClass<E>) implements Idempotency<E> {
    once<T>(
      operation: OperationRef,
      work: (manager: EntityManager) => Promise<T> | T,
      options?: OnceOptions,
    ): Promise<Outcome<T>> {
      return idempotent<E>(this).once(operation, work, options);
    }

    operation(operation: OperationRef): BoundRepository<E> {
      return idempotent<E>(this).operation(operation);
    }
  } as never;
}
