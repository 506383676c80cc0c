import { hash } from "node:crypto";
import canonicalize from "canonicalize";
import { InvalidOperationError, type OperationSummary } from "./errors.js";
import { plainForm } from "./plain-form.js";
import { OversizeError, toTagged, UnencodableError } from "./tagged.js";

/** A payload whose form is larger is refused: hashing it would stall every other request of the process. */
export const PAYLOAD_BYTES_MAX: number = 16 * 1024 * 1024;

/** The form of a bound write in its fingerprint; `$write` cannot be a user's key, since those are escaped. */
export interface FingerprintedWrite {
  readonly verb: string;
  readonly table: string;
}

/**
 * SHA-256 over the RFC 8785 form of a payload. A payload of `undefined` has the hash of no bytes at all, which no
 * JSON text has. A bound write's fingerprint covers its verb and table beside the payload.
 *
 * @throws {InvalidOperationError} the payload holds something without a defined form, or is too large
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function fingerprint(
  payload: unknown,
  write?: FingerprintedWrite,
  operation?: OperationSummary,
): Buffer {
  return hashed(payload === undefined ? "" : canonicalForm(payload, operation), write);
}

/** The fingerprint of a payload's canonical form. */
export function hashed(form: string, write?: FingerprintedWrite): Buffer {
  const prefix = write === undefined ? "" : `{"$write":${JSON.stringify([write.verb, write.table])}}`;
  // By way of text, since node makes that faster than bytes of its own.
  return Buffer.from(hash("sha256", prefix + form, "hex"), "hex");
}

/** The text that {@link fingerprint} hashes; for tests and for other languages that must agree. */
export function canonicalForm(payload: unknown, operation?: OperationSummary): string {
  let text = plainForm(payload);
  if (text !== undefined) return text;
  try {
    text = canonicalize(toTagged(payload, { collections: true, charactersMax: PAYLOAD_BYTES_MAX }));
  } catch (error) {
    if (error instanceof UnencodableError) throw unencodable(error, operation);
    if (!(error instanceof OversizeError)) throw error;
  }
  if (text !== undefined && Buffer.byteLength(text) <= PAYLOAD_BYTES_MAX) return text;
  throw new InvalidOperationError(
    `The payload is larger than ${PAYLOAD_BYTES_MAX} bytes. Nothing was sent to the database. ` +
      "Pass an explicit `payload` that identifies the request, such as a hash of the document.",
    { operation },
  );
}

function unencodable(cause: UnencodableError, operation?: OperationSummary): InvalidOperationError {
  return new InvalidOperationError(
    `The payload cannot be fingerprinted: it holds ${cause.message}. Nothing was sent to the database. ` +
      "Leave the value out, or pass an explicit `payload` of plain values that identify the request.",
    { operation, cause },
  );
}
