import {
  type EntityMetadata,
  type EntitySubscriberInterface,
  EventSubscriber,
  type ObjectLiteral,
  type UpdateEvent,
} from "typeorm";
import { VersionConflictError } from "../../core/errors.js";

/**
 * A subscriber that refuses a stale `save`. TypeORM's own would write over what others have changed since the entity was read,
 * and set the `@VersionColumn` back to what it was then, after which a compare-and-set elsewhere wins that should have lost.
 *
 * It locks the row in the transaction of the `save` and compares the versions; an entity without a version is let through.
 * `update`, `increment` and statements of one's own are none of its business, since they read no version.
 *
 * @example
 * new DataSource({ subscribers: [VersionGuard], … })
 */
export class VersionGuard implements EntitySubscriberInterface {
  /** @throws {VersionConflictError} the row was changed since the entity was read */
  async beforeUpdate(event: UpdateEvent<ObjectLiteral>): Promise<void> {
    const { metadata, entity, databaseEntity } = event;
    const given: unknown = entity === undefined ? undefined : metadata.versionColumn?.getEntityValue(entity);
    // Without the row that it would replace this is no `save`.
    if (entity === undefined || databaseEntity === undefined || given === undefined || given === null) return;
    const expected = given as number | bigint;
    const actual = await lockedVersion(event, metadata, databaseEntity);
    if (String(actual) === String(expected)) return;
    throw new VersionConflictError(
      `save: the row of ${metadata.tableName} has version ${actual}, not ${expected}. Nothing was written. Read it again and ` +
        "decide anew.",
      { expected, actual },
    );
  }
}

EventSubscriber()(VersionGuard);

async function lockedVersion(
  { manager }: UpdateEvent<ObjectLiteral>,
  metadata: EntityMetadata,
  row: ObjectLiteral,
): Promise<number | bigint | null> {
  const { versionColumn, dataSource } = metadata;
  if (versionColumn === undefined) return null;
  const query = manager
    .createQueryBuilder()
    .select(`locked.${versionColumn.propertyPath}`, "version")
    .from(metadata.target, "locked")
    .whereInIds(metadata.getEntityIdMap(row))
    .withDeleted();
  // SQLite has no locks of rows: a writer has the whole database to itself.
  const locks = dataSource.driver.supportedIsolationLevels.includes("READ COMMITTED");
  const found = await (locks ? query.setLock("pessimistic_write") : query).getRawOne<{ version: unknown }>();
  const version = found?.version;
  if (version === undefined || version === null) return null;
  return Number.isSafeInteger(Number(version)) ? Number(version) : BigInt(String(version));
}
