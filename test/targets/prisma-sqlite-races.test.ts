import { conformance } from "../conformance/suite.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_SQLITE } from "./prisma-sqlite.js";

conformance(prismaTarget("Prisma × SQLite", "races", 44, PRISMA_SQLITE));
