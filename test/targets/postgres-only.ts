import type { Concern } from "../conformance/target.js";
import { clients } from "./postgres-clients.js";
import { dates } from "./postgres-dates.js";
import { tables } from "./postgres-tables.js";

/** What only PostgreSQL's tables and pg's clients have. */
export const postgresOnly: readonly Concern[] = [
  { name: "PostgreSQL's tables", register: tables },
  { name: "pg's clients", register: clients },
  { name: "dates", register: dates },
];
