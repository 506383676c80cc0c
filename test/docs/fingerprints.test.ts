import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  DEFAULT_CODEC,
  decodeResult,
  EFFECT_LETTER,
  encodeResult,
  FORMAT,
  RESULT_BYTES_MAX,
} from "../../src/core/codec.js";
import { canonicalForm, fingerprint, PAYLOAD_BYTES_MAX } from "../../src/core/fingerprint.js";
import { identify, NAME_BYTES_MAX } from "../../src/core/operation.js";
import { DEPTH_MAX, ExactDecimal, TAG } from "../../src/core/tagged.js";
import { claimWrite } from "../../src/core/write.js";
import { deleteWrite, incrementWrite, type Write } from "../../src/core/writes.js";

const doc = readFileSync(fileURLToPath(new URL("../../docs/fingerprints.md", import.meta.url)), "utf8");

/** The vectors under a comment such as `<!-- vectors: identity -->`. */
function vectors<T>(name: string): T[] {
  const [, json] = new RegExp(`<!-- vectors: ${name} -->\n\`\`\`json\n([\\s\\S]*?)\`\`\``).exec(doc) ?? [];
  if (json === undefined) throw new Error(`docs/fingerprints.md has no vectors for ${name}`);
  return JSON.parse(json) as T[];
}

/** The value of a TypeScript expression in the document. */
function evaluated(expression: string): unknown {
  return new Function("ExactDecimal", `return ${expression}`)(ExactDecimal);
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

interface IdentityVector {
  readonly scope?: string;
  readonly operation: string;
  readonly key: string;
  readonly issuedAt?: string;
  readonly id: string;
}

interface FormVector {
  readonly value: string;
  readonly form: string;
  readonly sha256: string;
}

interface WriteVector {
  readonly verb: string;
  readonly table: string;
  readonly form: string;
  readonly sha256: string;
}

describe("docs/fingerprints.md", () => {
  it.each(vectors<IdentityVector>("identity"))(
    "identity of $scope $operation $key",
    ({ id, issuedAt, ...ref }) => {
      const at = issuedAt === undefined ? {} : { issuedAt: new Date(issuedAt) };
      expect(identify({ ...ref, ...at }, 1).id).toBe(id);
    },
  );

  it.each(vectors<FormVector>("fingerprint"))("fingerprint of $value", ({ value, form, sha256: hash }) => {
    expect(canonicalForm(evaluated(value))).toBe(form);
    expect(fingerprint(evaluated(value)).toString("hex")).toBe(hash);
    expect(sha256(form)).toBe(hash);
  });

  it.each(vectors<WriteVector>("write"))(
    "fingerprint of $verb $table",
    ({ verb, table, form, sha256: hash }) => {
      expect(sha256(`{"$write":${JSON.stringify([verb, table])}}${form}`)).toBe(hash);
      const ref = { operation: "o", key: "k" };
      const writes: Record<string, () => Write> = {
        increment: () => incrementWrite({ table, where: { id: 1 }, by: { balance: 100n } }),
        delete: () => deleteWrite({ from: table, where: { id: 9 } }),
      };
      const write = writes[verb]?.();
      if (write === undefined) throw new Error(`no write for ${verb}`);
      expect(claimWrite(identify(ref, 1), ref, write).fingerprint.toString("hex")).toBe(hash);
    },
  );

  it.each(vectors<{ value: string; bytes: string }>("result"))(
    "stored result of $value",
    ({ value, bytes }) => {
      const operation = { scope: "", operation: "o", keyHash: "" };
      expect(encodeResult(evaluated(value), DEFAULT_CODEC, operation).toString("hex")).toBe(bytes);
      expect(decodeResult(Buffer.from(bytes, "hex"), DEFAULT_CODEC)).toStrictEqual(evaluated(value));
    },
  );

  it("has a vector for every tag, and names every letter, format and limit", () => {
    const forms = vectors<FormVector>("fingerprint").map(({ form }) => form);
    for (const tag of Object.values(TAG)) {
      expect(forms.some((form) => form.includes(`{"${tag}":`))).toBe(true);
      expect(doc).toContain(`{ "${tag}": `);
    }
    for (const [effect, letter] of Object.entries(EFFECT_LETTER))
      expect(doc).toContain(`\`${letter}\` ${effect}`);
    for (const format of Object.values(FORMAT)) expect(doc).toContain(`| \`0${format}\` |`);
    expect(doc).toContain(`1 to ${NAME_BYTES_MAX} bytes`);
    expect(doc).toContain(`more than ${DEPTH_MAX} levels`);
    expect(doc).toContain(`more than ${PAYLOAD_BYTES_MAX / 2 ** 20} MiB`);
    expect(doc).toContain(`takes ${RESULT_BYTES_MAX / 2 ** 20} MiB at the most`);
  });
});
