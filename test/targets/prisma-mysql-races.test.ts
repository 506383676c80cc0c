import { conformance } from "../conformance/suite.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_MYSQL } from "./prisma-mysql.js";

conformance(prismaTarget("Prisma × MySQL 9.7", "races", 132, PRISMA_MYSQL));
