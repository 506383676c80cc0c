-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "billing";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "account_status" AS ENUM ('open', 'closed');

-- CreateEnum
CREATE TYPE "billing"."Level" AS ENUM ('low', 'high');

-- CreateTable
CREATE TABLE "accounts" (
    "id" SERIAL NOT NULL,
    "owner" TEXT NOT NULL,
    "balance" INTEGER NOT NULL DEFAULT 0,
    "status" "account_status" NOT NULL DEFAULT 'open',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "accounts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "charges" (
    "id" UUID NOT NULL,
    "operation_id" UUID,
    "account_id" INTEGER NOT NULL,
    "amount" DECIMAL(12,2) NOT NULL,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "charges_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "customers" (
    "id" SERIAL NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "visits" INTEGER NOT NULL DEFAULT 0,
    "extra" JSONB,

    CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tags" (
    "id" SERIAL NOT NULL,
    "label" TEXT NOT NULL,

    CONSTRAINT "tags_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "billing"."invoices" (
    "tenant" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "series_code" TEXT NOT NULL,
    "ref" BIGINT NOT NULL,
    "total_cents" BIGINT NOT NULL DEFAULT 9007199254740993,
    "level" "billing"."Level" NOT NULL DEFAULT 'low',
    "revision" BIGINT NOT NULL DEFAULT 0,
    "remark" TEXT,

    CONSTRAINT "invoices_pkey" PRIMARY KEY ("tenant","number")
);

-- CreateTable
CREATE TABLE "everything" (
    "id" BIGSERIAL NOT NULL,
    "key" VARCHAR(40) NOT NULL,
    "text" TEXT NOT NULL DEFAULT 'it''s "quoted"
',
    "char" CHAR(3),
    "uuid" UUID,
    "flag" BOOLEAN NOT NULL DEFAULT true,
    "int" INTEGER NOT NULL DEFAULT -7,
    "small" SMALLINT,
    "big" BIGINT NOT NULL DEFAULT -9223372036854775808,
    "float" DOUBLE PRECISION NOT NULL DEFAULT 1.5,
    "real" REAL,
    "decimal" DECIMAL(40,10) NOT NULL DEFAULT 12345678901234567890.123456789,
    "money" DECIMAL(12,2),
    "at" TIMESTAMP(3) NOT NULL DEFAULT '2026-01-02 03:04:05.678 +00:00',
    "at_tz" TIMESTAMPTZ(6),
    "day" DATE,
    "time" TIME(3),
    "json" JSONB NOT NULL DEFAULT '{"a": [1, null]}',
    "plain_json" JSON,
    "bytes" BYTEA,
    "status" "account_status" NOT NULL DEFAULT 'closed',
    "maybe" "billing"."Level",
    "texts" TEXT[] DEFAULT ARRAY['a', 'b,c']::TEXT[],
    "ints" INTEGER[],
    "bigs" BIGINT[],
    "floats" DOUBLE PRECISION[],
    "decimals" DECIMAL(65,30)[] DEFAULT ARRAY[0.10, 2]::DECIMAL(65,30)[],
    "moments" TIMESTAMPTZ(3)[],
    "flags" BOOLEAN[],
    "uuids" UUID[],
    "documents" JSONB[],
    "blobs" BYTEA[],
    "statuses" "account_status"[] DEFAULT ARRAY['open']::"account_status"[],
    "levels" "billing"."Level"[],
    "uuid4" UUID NOT NULL,
    "uuid7" UUID NOT NULL,
    "cuid1" TEXT NOT NULL,
    "cuid2" TEXT NOT NULL,
    "ulid" TEXT NOT NULL,
    "nano" TEXT NOT NULL,
    "nano8" TEXT NOT NULL,
    "made_by_db" UUID NOT NULL DEFAULT gen_random_uuid(),
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "everything_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_CustomerToTag" (
    "A" INTEGER NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_CustomerToTag_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "charges_operation_id_key" ON "charges"("operation_id");

-- CreateIndex
CREATE UNIQUE INDEX "customers_email_key" ON "customers"("email");

-- CreateIndex
CREATE UNIQUE INDEX "tags_label_key" ON "tags"("label");

-- CreateIndex
CREATE UNIQUE INDEX "invoices_reference_key" ON "billing"."invoices"("series_code", "ref");

-- CreateIndex
CREATE UNIQUE INDEX "everything_key_key" ON "everything"("key");

-- CreateIndex
CREATE INDEX "_CustomerToTag_B_index" ON "_CustomerToTag"("B");

-- AddForeignKey
ALTER TABLE "charges" ADD CONSTRAINT "charges_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "accounts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_CustomerToTag" ADD CONSTRAINT "_CustomerToTag_A_fkey" FOREIGN KEY ("A") REFERENCES "customers"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_CustomerToTag" ADD CONSTRAINT "_CustomerToTag_B_fkey" FOREIGN KEY ("B") REFERENCES "tags"("id") ON DELETE CASCADE ON UPDATE CASCADE;
