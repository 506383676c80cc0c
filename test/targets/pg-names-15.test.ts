import { conformance } from "../conformance/suite.js";
import { postgresTarget } from "./postgres.js";

conformance(
  postgresTarget({
    name: "pg other names × PostgreSQL 15",
    server: "postgres15",
    suite: "functional",
    cases: 364,
    ledger: { schema: 'Idem"potency', table: 'weird "Ledger" é' },
  }),
);
