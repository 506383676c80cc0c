import { OperationId } from "opledger/typeorm";
import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn, VersionColumn } from "typeorm";

@Entity("items")
export class Item {
  @PrimaryColumn({ type: "varchar", length: 20 })
  sku!: string;

  @Column({ type: "int" })
  stock!: number;

  @Column({ name: "price_cents", type: "int" })
  priceCents!: number;

  @VersionColumn({ type: "int" })
  version!: number;
}

@Entity("reservations")
export class Reservation {
  @PrimaryGeneratedColumn({ type: "int" })
  id!: number;

  @Column({ type: "varchar", length: 20 })
  sku!: string;

  @Column({ type: "int" })
  quantity!: number;

  /** By which operation the row came to be. Unique, whoever writes. */
  @OperationId({ name: "operation_id" })
  operationId!: string | null;
}
