-- CreateTable
CREATE TABLE `accounts` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `owner` VARCHAR(191) NOT NULL,
    `balance` INTEGER NOT NULL DEFAULT 0,
    `status` ENUM('open', 'closed') NOT NULL DEFAULT 'open',
    `version` INTEGER NOT NULL DEFAULT 1,
    `created_at` DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    `updated_at` DATETIME(6) NOT NULL,

    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `charges` (
    `id` CHAR(36) NOT NULL,
    `operation_id` CHAR(36) NULL,
    `account_id` INTEGER NOT NULL,
    `amount` DECIMAL(12, 2) NOT NULL,
    `note` TEXT NULL,
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    UNIQUE INDEX `charges_operation_id_key`(`operation_id`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `customers` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `email` VARCHAR(191) NOT NULL,
    `name` VARCHAR(191) NOT NULL,
    `visits` INTEGER NOT NULL DEFAULT 0,
    `extra` JSON NULL,

    UNIQUE INDEX `customers_email_key`(`email`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `tags` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `label` VARCHAR(191) NOT NULL,

    UNIQUE INDEX `tags_label_key`(`label`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `invoices` (
    `tenant` VARCHAR(191) NOT NULL,
    `number` INTEGER NOT NULL,
    `series_code` VARCHAR(191) NOT NULL,
    `ref` BIGINT NOT NULL,
    `total_cents` BIGINT NOT NULL DEFAULT 9007199254740993,
    `level` ENUM('low', 'high') NOT NULL DEFAULT 'low',
    `revision` BIGINT NOT NULL DEFAULT 0,
    `remark` VARCHAR(191) NULL,

    UNIQUE INDEX `invoices_reference_key`(`series_code`, `ref`),
    PRIMARY KEY (`tenant`, `number`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `everything` (
    `id` BIGINT NOT NULL AUTO_INCREMENT,
    `key` VARCHAR(40) NOT NULL,
    `text` VARCHAR(40) NOT NULL DEFAULT 'it''s "quoted"\n',
    `char` CHAR(3) NULL,
    `uuid` CHAR(36) NULL,
    `flag` BOOLEAN NOT NULL DEFAULT true,
    `int` INTEGER NOT NULL DEFAULT -7,
    `small` SMALLINT NULL,
    `big` BIGINT NOT NULL DEFAULT -9223372036854775808,
    `float` DOUBLE NOT NULL DEFAULT 1.5,
    `real` FLOAT NULL,
    `decimal` DECIMAL(40, 10) NOT NULL DEFAULT 12345678901234567890.123456789,
    `money` DECIMAL(12, 2) NULL,
    `at` DATETIME(3) NOT NULL DEFAULT '2026-01-02 03:04:05.678',
    `at_tz` DATETIME(6) NULL,
    `day` DATE NULL,
    `time` TIME(3) NULL,
    `json` JSON NOT NULL,
    `plain_json` JSON NULL,
    `bytes` LONGBLOB NULL,
    `status` ENUM('open', 'closed') NOT NULL DEFAULT 'closed',
    `maybe` ENUM('low', 'high') NULL,
    `uuid4` CHAR(36) NOT NULL,
    `uuid7` CHAR(36) NOT NULL,
    `cuid1` VARCHAR(191) NOT NULL,
    `cuid2` VARCHAR(191) NOT NULL,
    `ulid` VARCHAR(191) NOT NULL,
    `nano` VARCHAR(191) NOT NULL,
    `nano8` VARCHAR(191) NOT NULL,
    `made_by_db` CHAR(36) NOT NULL DEFAULT (uuid()),
    `created_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `updated_at` DATETIME(3) NOT NULL,

    UNIQUE INDEX `everything_key_key`(`key`),
    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `_CustomerToTag` (
    `A` INTEGER NOT NULL,
    `B` INTEGER NOT NULL,

    UNIQUE INDEX `_CustomerToTag_AB_unique`(`A`, `B`),
    INDEX `_CustomerToTag_B_index`(`B`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- AddForeignKey
ALTER TABLE `charges` ADD CONSTRAINT `charges_account_id_fkey` FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE `_CustomerToTag` ADD CONSTRAINT `_CustomerToTag_A_fkey` FOREIGN KEY (`A`) REFERENCES `customers`(`id`) ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE `_CustomerToTag` ADD CONSTRAINT `_CustomerToTag_B_fkey` FOREIGN KEY (`B`) REFERENCES `tags`(`id`) ON DELETE CASCADE ON UPDATE CASCADE;
