import {
  ChildEntity,
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  TableInheritance,
  Unique,
  UpdateDateColumn,
  VersionColumn,
} from "typeorm";
import { OperationId } from "../../src/adapters/typeorm/index.js";

/** Whole cents in the database, a value of its own in the program. */
export class Money {
  constructor(readonly cents: number) {}

  toJSON(): { readonly cents: number } {
    return { cents: this.cents };
  }
}

const money = {
  to: (value: Money | null | undefined) => (value instanceof Money ? value.cents : value),
  from: (cents: number | string | null) => (cents === null ? null : new Money(Number(cents))),
};

export class Address {
  @Column({ type: "varchar", length: 100, nullable: true })
  street!: string | null;

  @Column({ name: "zip_code", type: "varchar", length: 20, nullable: true })
  zip!: string | null;
}

@Entity("owners")
export class Owner {
  @PrimaryGeneratedColumn({ type: "int" })
  id!: number;

  @Column({ type: "varchar", length: 100 })
  name!: string;
}

@Entity("accounts")
@Unique(["email"])
export class Account {
  @PrimaryGeneratedColumn({ type: "int" })
  id!: number;

  @Column({ type: "varchar", length: 100 })
  email!: string;

  @Column({ type: "int", default: 0 })
  balance!: number;

  @Column({ type: "varchar", length: 20, default: "open" })
  status!: string;

  @Column({ name: "credit_limit", type: "int", nullable: true, transformer: money })
  limit!: Money | null;

  @Column({ type: "varchar", length: 100, nullable: true, select: false })
  secret?: string | null;

  @Column(() => Address)
  address!: Address;

  @ManyToOne(() => Owner, { nullable: true })
  @JoinColumn({ name: "owner_id" })
  owner?: Owner | null;

  @Column({ name: "owner_id", type: "int", nullable: true })
  ownerId!: number | null;

  @ManyToOne(() => Owner, { nullable: true })
  @JoinColumn({ name: "guarantor" })
  guarantor?: Owner | null;

  @Column({ type: "simple-array", nullable: true })
  tags!: string[] | null;

  @Column({ type: "simple-json", nullable: true })
  settings!: Record<string, unknown> | null;

  @Column({ type: "boolean", default: false })
  vip!: boolean;

  @CreateDateColumn({ name: "created_at" })
  createdAt!: Date;

  @UpdateDateColumn({ name: "updated_at" })
  updatedAt!: Date;

  @DeleteDateColumn({ name: "deleted_at" })
  deletedAt!: Date | null;

  @VersionColumn({ type: "int" })
  version!: number;
}

@Entity("payments")
export class Payment {
  @PrimaryGeneratedColumn("uuid")
  id!: string;

  @Column({ type: "bigint" })
  amount!: string;

  @Column({ type: "date", nullable: true })
  due!: string | null;

  @OperationId({ name: "operation_id" })
  operationId!: string | null;
}

@Entity("documents")
@TableInheritance({ column: { name: "kind", type: "varchar", length: 20 } })
export abstract class Document {
  @PrimaryColumn({ type: "int" })
  id!: number;

  @Column({ type: "varchar", length: 100 })
  title!: string;
}

@ChildEntity("invoice")
export class Invoice extends Document {
  @Column({ type: "int", nullable: true })
  cents!: number | null;
}

@ChildEntity("receipt")
export class Receipt extends Document {
  @Column({ type: "varchar", length: 20, nullable: true })
  till!: string | null;
}

export const ENTITIES = [Owner, Account, Payment, Document, Invoice, Receipt];
