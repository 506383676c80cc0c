/** The one connection was busy with another transaction; nothing was sent. */
export class Unavailable extends Error {}

/** The transaction was spoiled by its work, or over, when it was to be committed. */
export class NotOurs extends Error {
  constructor(cause: unknown) {
    super("the transaction could not be committed", { cause });
  }
}
