import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type DefaultMetadata,
  delegateName,
  type FieldMetadata,
} from "../../src/adapters/prisma/metadata.js";
import { metadataOf } from "./columns.js";
import { prismaGenerate } from "./generate.js";

const CACHE = fileURLToPath(new URL("../../.cache", import.meta.url));
mkdirSync(CACHE, { recursive: true });
const scratch = mkdtempSync(join(CACHE, "generator-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const folder = (): string => join(scratch, String(++count));
const datasource = (provider: string): string => `datasource db {\n  provider = "${provider}"\n}\n`;

/** What `prisma generate` says of a schema that the generator refuses. */
async function refusal(
  schema: string,
  generator = `provider = "opledger"\n  output = "./out"`,
): Promise<string> {
  const own = folder();
  mkdirSync(own);
  const path = join(own, "schema.prisma");
  writeFileSync(path, `${schema}\ngenerator opledger {\n  ${generator}\n}\n`);
  const said = await prismaGenerate(path).then(
    () => "nothing",
    (error: Error) => error.message,
  );
  expect(readdirSync(own)).toEqual(["schema.prisma"]);
  return said;
}

const model = (body: string): string =>
  `${datasource("postgresql")}model Account {\n  id Int @id\n${body}\n}\n`;

describe("the module that prisma generate writes", () => {
  it("has everything of the test schema that the client does not tell", async () => {
    const { metadata } = await import("../../prisma/generated/postgresql/opledger/metadata.js");
    const { Account, Charge, Invoice, Everything } = metadata.models;
    expect(metadata.provider).toBe("postgresql");
    expect(Account).toMatchObject({ table: "accounts", schema: "public", version: "version" });
    expect(Account?.fields.updatedAt).toMatchObject({ column: "updated_at", updatedAt: true });
    expect(Account?.fields.charges).toEqual({ kind: "relation", type: "Charge", from: [], list: true });
    expect(Charge).toMatchObject({ operationId: "operationId" });
    expect(Charge?.fields.account).toEqual({ kind: "relation", type: "Account", from: ["accountId"] });
    expect(Invoice).toMatchObject({ table: "invoices", schema: "billing", version: "rev" });
    expect(Invoice?.uniques).toEqual([
      { name: "tenant_number", fields: ["tenant", "number"], primary: true },
      { name: "by_reference", fields: ["series", "ref"] },
    ]);
    expect(metadata.enums).toEqual({
      AccountStatus: { type: "account_status", schema: "public", values: { OPEN: "open", CLOSED: "closed" } },
      Level: { type: "Level", schema: "billing", values: { low: "low", high: "high" } },
    });
    expect(Everything?.fields.money).toMatchObject({ type: "Decimal", native: ["Decimal", "12", "2"] });
    expect(Object.keys(Everything?.fields ?? {})).toHaveLength(44);
  });

  it.each<[field: string, wanted: DefaultMetadata | undefined]>([
    ["id", { kind: "database" }],
    ["madeByDb", { kind: "database" }],
    ["key", undefined],
    ["text", { kind: "value", value: `it's "quoted"\n` }],
    ["flag", { kind: "value", value: true }],
    ["big", { kind: "value", value: "-9223372036854775808" }],
    ["decimal", { kind: "value", value: "12345678901234567890.123456789" }],
    ["decimals", { kind: "value", value: ["0.10", "2"] }],
    ["texts", { kind: "value", value: ["a", "b,c"] }],
    ["json", { kind: "value", value: `{"a": [1, null]}` }],
    ["status", { kind: "value", value: "CLOSED" }],
    ["uuid4", { kind: "client", name: "uuid", args: [4] }],
    ["uuid7", { kind: "client", name: "uuid", args: [7] }],
    ["cuid1", { kind: "client", name: "cuid", args: [1] }],
    ["cuid2", { kind: "client", name: "cuid", args: [2] }],
    ["ulid", { kind: "client", name: "ulid", args: [] }],
    ["nano", { kind: "client", name: "nanoid", args: [] }],
    ["nano8", { kind: "client", name: "nanoid", args: [8] }],
    ["createdAt", { kind: "client", name: "now", args: [] }],
  ])("has the default of %s to the last digit", async (name, wanted) => {
    const { metadata } = await import("../../prisma/generated/postgresql/opledger/metadata.js");
    const field = metadata.models.Everything?.fields[name] as Exclude<FieldMetadata, { kind: "relation" }>;
    expect(field.default).toEqual(wanted);
  });

  it("names the delegates as the client has them", async () => {
    const { metadata } = await import("../../prisma/generated/postgresql/opledger/metadata.js");
    const { PrismaClient } = await import("../../prisma/generated/postgresql/client/client.js");
    const { PrismaPg } = await import("@prisma/adapter-pg");
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: "postgres://nowhere" }) });
    for (const name of Object.keys(metadata.models)) expect(client).toHaveProperty(delegateName(name));
  });

  it("leaves out what cannot be written: views, ignored and unsupported fields, ignored models", async () => {
    const { models } = await metadataOf(
      `${datasource("postgresql")}
model Account {\n  id Int @id\n  hidden String? @ignore\n  vector Unsupported("tsvector")?\n}
view Totals {\n  id Int @unique\n}
model Gone {\n  id Int @id\n  @@ignore\n}\n`,
      folder(),
      `previewFeatures = ["views"]`,
    );
    expect(Object.keys(models)).toEqual(["Account"]);
    expect(Object.keys(models.Account?.fields ?? {})).toEqual(["id"]);
  });

  it("takes annotations beside other words and behind the field", async () => {
    const { models } = await metadataOf(
      model(
        `  /// Counts the changes.\n  /// @opledger.version\n  rev BigInt\n  op String? /// @opledger.operationId`,
      ),
      folder(),
    );
    expect(models.Account).toMatchObject({ version: "rev", operationId: "op" });
  });

  it("is of a schema in several files, the ledger's model among them", async () => {
    const own = folder();
    mkdirSync(own);
    writeFileSync(
      join(own, "main.prisma"),
      `${datasource("postgresql")}generator m {
  provider = "opledger"
  output = "./metadata"
  language = "js"
}
`,
    );
    writeFileSync(
      join(own, "account.prisma"),
      `model Account {
  id Int @id
  /// @opledger.version
  rev Int
  sum Decimal @default(1.50)
}
`,
    );
    copyFileSync("prisma/ledger/postgresql.prisma", join(own, "ledger.prisma"));
    await prismaGenerate(own);
    const { metadata } = await import(pathToFileURL(join(own, "metadata/metadata.js")).href);
    expect(metadata.models.Account).toMatchObject({
      version: "rev",
      fields: { sum: { default: { value: "1.50" } } },
    });
    expect(metadata.models.OpledgerOperation.table).toBe("opledger_operations");
  });

  it("is TypeScript unless JavaScript is asked for, and the same either way", async () => {
    const own = folder();
    const js = await metadataOf(readFileSync("prisma/sqlite.prisma", "utf8"), own);
    const { metadata: ts } = await import("../../prisma/generated/sqlite/opledger/metadata.js");
    expect(js).toEqual(ts);
    expect(readdirSync(join(own, "metadata")).sort()).toEqual(["metadata.d.ts", "metadata.js"]);
    expect(readdirSync("prisma/generated/sqlite/opledger")).toEqual(["metadata.ts"]);
  });
});

/** What is refused, each in a model of its own. */
const REFUSED: readonly (readonly [what: string, body: string, wanted: string])[] = [
  [
    "of a wrong type",
    "  /// @opledger.version\n  v String",
    "$.v: @opledger.version needs a field of type `Int` or `BigInt`, not `String`",
  ],
  ["on what may be null", "  /// @opledger.version\n  v Int?", "not `Int?`"],
  ["on a list", "  /// @opledger.version\n  v Int[]", "not `Int[]`"],
  ["on a unique field", "  /// @opledger.version\n  v Int @unique", "cannot be on an id or a unique field"],
  [
    "twice in a model",
    "  /// @opledger.version\n  v Int\n  /// @opledger.version\n  w Int",
    "$.w: @opledger.version is on `v` already",
  ],
  [
    "that is unknown",
    "  /// @opledger.vresion\n  v Int",
    "@opledger.vresion is unknown; there are @opledger.version and @opledger.operationId",
  ],
  [
    "in a comment that Prisma does not read",
    "  // @opledger.version\n  v Int",
    "Prisma reads comments of three slashes only",
  ],
  [
    "on an ignored field",
    "  /// @opledger.version\n  v Int @ignore",
    "1 more @opledger comment(s) are on nothing that can be written",
  ],
  ["on a number", "  /// @opledger.operationId\n  op Int?", "needs a field of type `String?`, not `Int?`"],
  [
    "that every create would have to fill",
    "  /// @opledger.operationId\n  op String",
    "needs `String?`, or a default",
  ],
  [
    "on a column that is too short",
    "  /// @opledger.operationId\n  op String? @db.VarChar(32)",
    "@db.VarChar(32) does not; use @db.Uuid",
  ],
];

describe("prisma generate refuses an annotation", () => {
  let said = "";

  beforeAll(async () => {
    const models = REFUSED.map(([, body], at) => `model M${at} {\n  id Int @id\n${body}\n}\n`);
    said = await refusal(datasource("postgresql") + models.join(""));
  });

  it.each(REFUSED.map(([what, , wanted], at) => [what, wanted.replace("$", `M${at}`)]))("%s", (_, wanted) => {
    expect(said).toContain(wanted);
  });

  it("on a relation, a model or an enum, and says all of it at once", async () => {
    const all = await refusal(
      `${datasource("postgresql")}/// @opledger.version
model Account {\n  id Int @id\n  kind Kind\n  /// @opledger.version\n  charges Charge[]\n}
model Charge {\n  id Int @id\n  accountId Int\n  account Account @relation(fields: [accountId], references: [id])\n}
/// @opledger.version
enum Kind {\n  a\n}`,
    );
    expect(all).toContain("Account: @opledger.version goes above a field, not above the model");
    expect(all).toContain(
      "Account.charges: @opledger.version needs a field of type `Int` or `BigInt`, not `Charge[]`",
    );
    expect(all).toContain("Kind: @opledger.version goes above a field of a model, not above an enum");
  });
});

describe("prisma generate refuses a generator", () => {
  const plain = model("");
  const options = (...lines: string[]): string => [`provider = "opledger"`, ...lines].join("\n  ");

  it.each([
    [
      "for a database without a dialect",
      plain.replace("postgresql", "sqlserver"),
      options(`output = "./out"`),
      "the schema's datasource is sqlserver",
    ],
    [
      "with an unknown option",
      plain,
      options(`output = "./out"`, `langauge = "js"`),
      "there is no option `langauge`",
    ],
    [
      "for an unknown language",
      plain,
      options(`output = "./out"`, `language = "rust"`),
      '`language` must be "ts" or "js"',
    ],
    [
      "that writes into a folder which another empties",
      `${plain}generator other {\n  provider = "opledger"\n  output = "./c"\n  language = "none"\n}\n`,
      options(`output = "./c/opledger"`),
      "lies in the folder of generator other",
    ],
  ])("%s", async (_, schema, generator, wanted) => {
    expect(await refusal(schema, generator)).toContain(wanted);
  });
});
