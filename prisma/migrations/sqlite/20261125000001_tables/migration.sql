-- CreateTable
CREATE TABLE "accounts" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "owner" TEXT NOT NULL,
    "balance" INTEGER NOT NULL DEFAULT 0,
    "status" TEXT NOT NULL DEFAULT 'open',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "charges" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "operation_id" TEXT,
    "account_id" INTEGER NOT NULL,
    "amount" DECIMAL NOT NULL,
    "note" TEXT,
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "charges_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts" ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "customers" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "visits" INTEGER NOT NULL DEFAULT 0,
    "extra" JSONB
);

-- CreateTable
CREATE TABLE "tags" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "label" TEXT NOT NULL
);

-- CreateTable
CREATE TABLE "invoices" (
    "tenant" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "series_code" TEXT NOT NULL,
    "ref" BIGINT NOT NULL,
    "total_cents" BIGINT NOT NULL DEFAULT 9007199254740993,
    "level" TEXT NOT NULL DEFAULT 'low',
    "revision" BIGINT NOT NULL DEFAULT 0,
    "remark" TEXT,

    PRIMARY KEY ("tenant", "number")
);

-- CreateTable
CREATE TABLE "everything" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "key" TEXT NOT NULL,
    "text" TEXT NOT NULL DEFAULT 'it''s "quoted"
',
    "char" TEXT,
    "uuid" TEXT,
    "flag" BOOLEAN NOT NULL DEFAULT true,
    "int" INTEGER NOT NULL DEFAULT -7,
    "small" INTEGER,
    "big" BIGINT NOT NULL DEFAULT -9223372036854775808,
    "float" REAL NOT NULL DEFAULT 1.5,
    "real" REAL,
    "decimal" DECIMAL NOT NULL DEFAULT 12345678901234567890.123456789,
    "money" DECIMAL,
    "at" DATETIME NOT NULL DEFAULT '2026-01-02 03:04:05.678 +00:00',
    "at_tz" DATETIME,
    "day" DATETIME,
    "time" DATETIME,
    "json" JSONB NOT NULL,
    "plain_json" JSONB,
    "bytes" BLOB,
    "status" TEXT NOT NULL DEFAULT 'closed',
    "maybe" TEXT,
    "uuid4" TEXT NOT NULL,
    "uuid7" TEXT NOT NULL,
    "cuid1" TEXT NOT NULL,
    "cuid2" TEXT NOT NULL,
    "ulid" TEXT NOT NULL,
    "nano" TEXT NOT NULL,
    "nano8" TEXT NOT NULL,
    "made_by_db" TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))),
    "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "_CustomerToTag" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,
    CONSTRAINT "_CustomerToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "customers" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "_CustomerToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "tags" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "charges_operation_id_key" ON "charges"("operation_id");

-- CreateIndex
CREATE UNIQUE INDEX "customers_email_key" ON "customers"("email");

-- CreateIndex
CREATE UNIQUE INDEX "tags_label_key" ON "tags"("label");

-- CreateIndex
CREATE UNIQUE INDEX "invoices_reference_key" ON "invoices"("series_code", "ref");

-- CreateIndex
CREATE UNIQUE INDEX "everything_key_key" ON "everything"("key");

-- CreateIndex
CREATE UNIQUE INDEX "_CustomerToTag_AB_unique" ON "_CustomerToTag"("A", "B");

-- CreateIndex
CREATE INDEX "_CustomerToTag_B_index" ON "_CustomerToTag"("B");
