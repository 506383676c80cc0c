import type { Cases } from "../conformance/target.js";
import { PostgresFixture } from "./postgres.js";

/** A case about what only pg and PostgreSQL have. */
export function pgTest(
  { test }: Cases,
  name: string,
  run: (fixture: PostgresFixture) => Promise<void>,
): void {
  test(name, (fixture) => {
    if (fixture instanceof PostgresFixture) return run(fixture);
    throw new TypeError("these cases are about pg");
  });
}
