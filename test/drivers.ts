import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * Whether a driver that is compiled on the user's machine is installed here. `npm run drivers:install` adds them, and CI does so.
 *
 * @throws {Error} it is not, and `OPLEDGER_REQUIRE_DRIVERS` names it
 */
export function hasDriver(name: "better-sqlite3"): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    const required = (process.env.OPLEDGER_REQUIRE_DRIVERS ?? "").split(",");
    if (required.includes(name)) throw new Error(`${name} is required. To add it: npm run drivers:install`);
    console.warn(`without ${name}: its tests are left out. To add it: npm run drivers:install`);
    return false;
  }
}
