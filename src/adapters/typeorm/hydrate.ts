import type { EntityMetadata, ObjectLiteral } from "typeorm";
import type { Row } from "../../core/executor.js";
import { type Column, isOwn } from "./entity.js";

/** The entity that `find` would make of a row. */
export function hydrated<E extends ObjectLiteral>(root: EntityMetadata, row: Row): E | Promise<E> {
  const metadata = classOf(root, row);
  const { driver } = metadata.dataSource;
  const entity: E = metadata.create(undefined, { fromDeserializer: true });
  for (const column of readableOf(metadata)) {
    const stored = row[column.databaseName];
    if (stored === undefined) continue;
    const value: unknown = driver.prepareHydratedValue(asRead(metadata, stored), column);
    if (isOwn(column)) (entity as ObjectLiteral)[column.propertyName] = value;
    else column.setEntityValue(entity, value);
  }
  return isHeard(metadata) ? loaded(metadata, entity) : entity;
}

const readable = new WeakMap<EntityMetadata, readonly Column[]>();

/** The columns that are properties of the class itself. */
function readableOf(metadata: EntityMetadata): readonly Column[] {
  const known = readable.get(metadata);
  if (known !== undefined) return known;
  const found = metadata.columns.filter((column) => !column.isVirtual && !isOfChild(metadata, column));
  readable.set(metadata, found);
  return found;
}

/** Whatever driver stored it, a replay has bytes as a Buffer, which sql.js does not know. */
function asRead({ dataSource }: EntityMetadata, value: unknown): unknown {
  return value instanceof Buffer && dataSource.options.type === "sqljs" ? new Uint8Array(value) : value;
}

/** In a table shared by several classes the row itself tells its own. */
function classOf(root: EntityMetadata, row: Row): EntityMetadata {
  const { discriminatorColumn, childEntityMetadatas } = root;
  if (discriminatorColumn === undefined) return root;
  const told = row[discriminatorColumn.databaseName];
  return childEntityMetadatas.find(({ discriminatorValue }) => discriminatorValue === told) ?? root;
}

function isOfChild(metadata: EntityMetadata, column: Column): boolean {
  return metadata.childEntityMetadatas.some(({ target }) => target === column.target);
}

/** Whether anybody listens to `@AfterLoad`. */
function isHeard({ dataSource, afterLoadListeners }: EntityMetadata): boolean {
  return afterLoadListeners.length > 0 || dataSource.subscribers.length > 0;
}

/** `@AfterLoad`, of the entity and of subscribers. */
async function loaded<E extends ObjectLiteral>(metadata: EntityMetadata, entity: E): Promise<E> {
  // Never connected: it only knows whom to tell.
  const { broadcaster } = metadata.dataSource.createQueryRunner();
  await broadcaster.broadcast("Load", metadata, [entity]);
  return entity;
}
