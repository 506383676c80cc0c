import { Column, type ColumnOptions, type EntityMetadata } from "typeorm";

const marked = new WeakMap<object, Set<string>>();

/**
 * A column that holds the id of the operation that inserted the row: the ledger's own, as the text of a UUID. It is unique, so
 * that even a writer that knows nothing of the ledger cannot insert the same operation's row again. Rows that no bound
 * insert made hold NULL.
 *
 * @param options of the column, beside its type; its name, for instance
 */
export function OperationId(options: ColumnOptions = {}): PropertyDecorator {
  return (prototype, property) => {
    const names = marked.get(prototype.constructor) ?? new Set();
    marked.set(prototype.constructor, names.add(String(property)));
    Column({ unique: true, nullable: true, update: false, ...options, type: "varchar", length: 36 })(
      prototype,
      property,
    );
  };
}

export function isOperationId({ target, propertyName }: EntityMetadata["columns"][number]): boolean {
  return typeof target === "function" && marked.get(target)?.has(propertyName) === true;
}
