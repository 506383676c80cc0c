import type { FindOperator } from "typeorm";

type Atom = Date | Uint8Array | readonly unknown[] | ((...given: never[]) => unknown);

/** A property's value, or for embedded and related entities, some of theirs. */
type Part<V> = V extends Atom ? V : V extends object ? Values<V> : V;

/**
 * The values of an entity's properties, some of them. A function gives SQL in the place of a value: `() => "CURRENT_DATE"`.
 * JSON columns typed `any` take anything.
 */
export type Values<E> = { readonly [K in keyof E]?: E[K] | Part<E[K]> | (() => string) };

/** What tells one row from all others: its id, or properties that equal these values. */
export type Criteria<E> =
  | string
  | number
  | bigint
  | Date
  | Uint8Array
  | { readonly [K in keyof E]?: Part<NonNullable<E[K]>> | FindOperator<unknown> };

/** The name of a property; of an embedded entity's, with a dot. */
export type PropertyPath<E> = (keyof E & string) | `${keyof E & string}.${string}`;
