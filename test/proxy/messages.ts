/** Who sent the message: the database client or the database server. */
export type Direction = "client" | "server";

/** `startup` lasts up to and including the first ReadyForQuery (PostgreSQL) or OK packet (MySQL). */
export type Phase = "startup" | "steady";

/** One message of the wire protocol, seen while it passes through the proxy. */
export interface Message {
  /** Number of the connection, counted from 1 in the order of acceptance. */
  readonly connection: number;
  readonly direction: Direction;
  readonly phase: Phase;
  /** The protocol's own name: `Query`, `CommandComplete`, `COM_QUERY`, `OK`, … */
  readonly name: string;
  /** Bytes on the wire, the header included. */
  readonly length: number;
  /** SQL, command tag, transaction status or error, as far as the first {@link PREVIEW_BYTES} show it. */
  readonly text: string;
}

/**
 * How much of a message is looked at, and so held back at most before forwarding starts. Enough for any statement
 * a test would match on; small enough that large parameters and rows stream.
 */
export const PREVIEW_BYTES = 1024;

const STATEMENTS: ReadonlySet<string> = new Set(["Execute", "Query", "COM_QUERY", "COM_STMT_EXECUTE"]);
const DONE: ReadonlySet<string> = new Set(["CommandComplete", "OK", "ResultSet"]);

/** Whether the message makes the server run a statement. */
export function runsStatement({ name }: Message): boolean {
  return STATEMENTS.has(name);
}

/** Whether the message is the first by which the server says that a statement has run. */
export function answersStatement({ name }: Message): boolean {
  return DONE.has(name);
}

/** One line for logs and test names. */
export function formatMessage(message: Message): string {
  const arrow = message.direction === "client" ? "->" : "<-";
  const text = message.text.replace(/\s+/g, " ").slice(0, 80);
  return `#${message.connection} ${arrow} ${message.name} ${message.length}${text === "" ? "" : ` ${text}`}`;
}
