import { conformance } from "../conformance/suite.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_POSTGRES } from "./prisma-postgres.js";

conformance(prismaTarget("Prisma × PostgreSQL 15", "races", 132, PRISMA_POSTGRES));
