import { type CliCommand, type DatabaseFlags, defineCommand, wholeNumber } from "../command.js";
import { withDatabase } from "../database/open.js";
import { examine } from "../doctor/examine.js";
import { patientOf } from "../doctor/patient.js";
import { diagnosisText } from "../doctor/text.js";
import { EXIT } from "../exit.js";

interface DoctorFlags extends DatabaseFlags {
  readonly waitMs?: number;
}

/** What `createLedger` takes unless it is told otherwise. */
const WAIT_MS_DEFAULT = 10_000;

export const doctor: CliCommand = defineCommand<DoctorFlags>({
  path: "doctor",
  summary: "check a database for what would break the promises",
  details: `
Looks at the ledger, the server's settings, its replicas and what is between here and there; reads only. Connect as the
application does, since roles and poolers change what is seen. Exits with 1 where there are errors or warnings; notes alone do not count.`,
  examples: [
    ["opledger doctor", "check the database that DATABASE_URL names"],
    [
      "opledger doctor --url postgres://app@db/shop --wait-ms 3000 --json",
      "from a deployment, with the application's own waitMs",
    ],
  ],
  database: true,
  shape: (command) =>
    command.option(
      "--wait-ms <ms>",
      "how long the application lets duplicates wait (default: 10000)",
      wholeNumber(0, 86_400_000),
    ),
  run: ({ options, io }) =>
    withDatabase(io, options, async (database) => {
      const patient = await patientOf(database, {
        waitMs: options.waitMs ?? WAIT_MS_DEFAULT,
        now: Date.now,
        beside: (use) => withDatabase(io, options, use),
      });
      const diagnosis = await examine(patient);
      const { shown, ledgerName, driver } = database;
      return {
        data: { ...diagnosis, database: shown, ledger: ledgerName, driver },
        text: (style) =>
          diagnosisText(
            diagnosis,
            `${database.engine} ${database.version} at ${shown}, ledger ${ledgerName}`,
            style,
          ),
        exitCode: diagnosis.findings.some(({ severity }) => severity !== "note") ? EXIT.no : EXIT.ok,
      };
    }),
});
