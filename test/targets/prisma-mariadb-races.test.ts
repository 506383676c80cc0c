import { conformance } from "../conformance/suite.js";
import { prismaTarget } from "./prisma.js";
import { PRISMA_MARIADB } from "./prisma-mysql.js";

conformance(prismaTarget("Prisma × MariaDB 10.11", "races", 132, PRISMA_MARIADB));
