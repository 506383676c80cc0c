import { conformance } from "../conformance/suite.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_POSTGRES } from "./prisma-postgres.js";

conformance(prismaTarget("Prisma × PostgreSQL 15", "functional", 364, PRISMA_POSTGRES));
