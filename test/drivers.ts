import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * Why a driver that is compiled on the user's machine cannot be tested here; undefined where it can. `npm run drivers:install`
 * adds them, and CI does so.
 *
 * @throws {Error} it is not installed, and `OPLEDGER_REQUIRE_DRIVERS` names it
 */
export function missingDriver(name: "better-sqlite3"): string | undefined {
  try {
    require.resolve(name);
    return undefined;
  } catch {
    const required = (process.env.OPLEDGER_REQUIRE_DRIVERS ?? "").split(",");
    if (required.includes(name)) throw new Error(`${name} is required. To add it: npm run drivers:install`);
    console.warn(`without ${name}: its tests are left out. To add it: npm run drivers:install`);
    return "the driver is not installed; npm run drivers:install adds it";
  }
}
