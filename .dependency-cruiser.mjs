/**
 * Which folder may import which: the table of `docs/architecture.md`, as rules. `npm run imports` checks `src`;
 * `test/architecture/imports.test.ts` proves of each rule that it catches what it forbids.
 *
 * @type {import("dependency-cruiser").IConfiguration}
 */

/** What lies in `src`, outside of the folders named. */
const outside = (...folders) => ({ path: "^src/", pathNot: folders.map((folder) => `^src/${folder}/`) });

/** A rule that keeps one folder's imports within `src` to the folders named. */
const only = (folder, allowed, comment) => ({
  name: `${folder}-imports`,
  comment,
  severity: "error",
  from: { path: `^src/${folder}/` },
  to: outside(folder, ...allowed),
});

export default {
  forbidden: [
    only(
      "core",
      [],
      "Policy is pure: what decides about an operation must not know an engine, a client or a framework, so that the ledger loop exists once.",
    ),
    only(
      "dialects",
      ["core"],
      "A dialect turns parameters into SQL. One that imported an adapter would tie its SQL to a client.",
    ),
    {
      name: "adapters-imports",
      comment:
        "An adapter joins one client to the core. What two adapters share belongs to the core or to a dialect.",
      severity: "error",
      from: { path: "^src/adapters/([^/]+)/", pathNot: "^src/adapters/typeorm/" },
      to: { path: "^src/", pathNot: ["^src/(core|dialects)/", "^src/adapters/$1/"] },
    },
    {
      name: "typeorm-adapters",
      comment:
        "TypeORM's drivers are pg and mysql2, so its adapter stands on theirs, which have proven their transactions; no other adapter does.",
      severity: "error",
      from: { path: "^src/adapters/typeorm/" },
      to: {
        path: "^src/",
        pathNot: ["^src/(core|dialects|migrations)/", "^src/adapters/(pg|mysql2|typeorm)/"],
      },
    },
    ...["steps", "http", "inbox", "outbox"].map((folder) =>
      only(
        folder,
        ["core"],
        `${folder} takes core types, so that it works over every client; an import of an adapter would pick one.`,
      ),
    ),
    only(
      "saga",
      ["core", "steps"],
      "A saga is made of steps and takes core types, so that it works over every client.",
    ),
    only(
      "migrations",
      ["core", "dialects"],
      "The schema needs a dialect's way to quote names and nothing that runs it.",
    ),
    only("testing", ["core"], "What users test with must work over every client, and must not pull one in."),
    {
      name: "index-imports",
      comment: "Everyone imports `opledger` itself, so it must not bring in an engine or a client.",
      severity: "error",
      from: { path: "^src/index\\.ts$" },
      to: outside("core"),
    },
    {
      name: "nobody-imports-cli",
      comment: "The command line puts everything together, so whoever imported it would get everything.",
      severity: "error",
      from: { path: "^src/(?!cli/)" },
      to: { path: "^src/cli/" },
    },
    {
      name: "terminal-only-in-cli",
      comment:
        "What talks to a terminal or reads other people's sources is for the command line: an application that writes through the library must not load it.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cli/" },
      to: { path: "node_modules/(@clack|cli-progress|commander|diff|oxc-parser|picocolors)/" },
    },
    {
      name: "nobody-imports-index",
      comment: "`src/index.ts` is for users; code of our own that imported it would make cycles.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^src/index\\.ts$" },
    },
    {
      name: "no-cycles",
      comment:
        "Modules of a cycle can only be read together, and run in an order that nobody chose; types count too.",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true },
    },
    {
      name: "src-stands-alone",
      comment: "Only `src` is shipped, so it must not import tests, examples or benchmarks.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|examples|bench|dist)/" },
    },
    {
      name: "only-declared-packages",
      comment:
        "A package that is not among `dependencies` is not there when a user installs this one. Clients are described by structure; only an adapter of an ORM imports that one, since whoever imports the adapter has it.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/adapters/(prisma|typeorm)/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-peer", "npm-optional", "npm-no-pkg", "npm-unknown", "npm-bundled"],
      },
    },
    {
      name: "prisma-imports",
      comment: "What imports the extension has Prisma Client installed, and nothing else of Prisma's.",
      severity: "error",
      from: { path: "^src/adapters/prisma/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-peer", "npm-optional", "npm-no-pkg", "npm-unknown", "npm-bundled"],
        pathNot: "node_modules/@prisma/client/",
      },
    },
    {
      name: "typeorm-imports",
      comment:
        "What imports the TypeORM adapter has TypeORM installed; only its Nest module may ask for Nest.",
      severity: "error",
      from: { path: "^src/adapters/typeorm/", pathNot: "^src/adapters/typeorm/nest/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-peer", "npm-optional", "npm-no-pkg", "npm-unknown", "npm-bundled"],
        pathNot: "node_modules/typeorm/",
      },
    },
    {
      name: "nest-imports",
      comment:
        "What imports the Nest module has Nest and its TypeORM module installed, and nothing else is asked for.",
      severity: "error",
      from: { path: "^src/adapters/typeorm/nest/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-peer", "npm-optional", "npm-no-pkg", "npm-unknown", "npm-bundled"],
        pathNot: "node_modules/(typeorm|@nestjs/common|@nestjs/typeorm)/",
      },
    },
    {
      name: "resolvable",
      comment:
        "An import that cannot be resolved fails when it is run, and hides what it would import from these rules.",
      severity: "error",
      from: { path: "^src/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
