import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as errors from "../../src/core/errors.js";

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");

interface Section {
  readonly code: string;
  readonly text: string;
}

const sections: readonly Section[] = read("docs/errors.md")
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [code = "", ...lines] = section.split("\n");
    return { code, text: lines.join("\n") };
  });

/** The codes of the union, from its source, since types are gone when tests run. */
const codes = [...read("src/core/errors.ts").matchAll(/^ {2}\| "(OPLEDGER_\w+)"/gm)].map(([, code]) => code);

type ErrorClass = new (message: string, details: object) => errors.OpledgerError;

const exported: readonly unknown[] = Object.values(errors);
const classes: readonly ErrorClass[] = exported.filter(
  (each): each is ErrorClass =>
    typeof each === "function" && Object.getPrototypeOf(each) === errors.OpledgerError,
);
const operation = { scope: "acme", operation: "charge", keyHash: "00" };
const cause = new Error("cause");
const made = classes.map(
  (Class) => new Class("message", { operation, cause, retryAfterMs: 1, expected: 1, actual: 2 }),
);

function lineOf(text: string, label: string): string | undefined {
  return new RegExp(`^${label}: (.+)$`, "m").exec(text)?.[1];
}

describe("docs/errors.md", () => {
  it("has one heading for each code, in their order, and no others", () => {
    expect(codes.length).toBeGreaterThan(10);
    expect(sections.map(({ code }) => code)).toEqual(codes);
  });

  it.each(sections)("$code says what its class says", ({ code, text }) => {
    const [error, ...others] = made.filter((each) => each.code === code);
    expect(others).toEqual([]);
    expect(lineOf(text, "Class")).toBe(`\`${error?.name}\``);
    expect(lineOf(text, "Retry")).toBe(error?.retryable ? "yes" : "no");
  });

  it.each(sections)("$code says what to do, and shows how to catch it", ({ text }) => {
    expect(text).toMatch(/\*\*What to do\.\*\* .{40,}/);
    const name = lineOf(text, "Class")?.replaceAll("`", "");
    const [, block = ""] = /```ts\n([\s\S]*?)```/.exec(text) ?? [];
    expect(block).toContain(`instanceof ${name}`);
    expect(block).toContain("catch (error)");
  });
});

describe("the errors", () => {
  it("are one class per code", () => {
    expect(made.map(({ code }) => code).sort()).toEqual([...codes].sort());
    expect(new Set(made.map(({ name }) => name)).size).toBe(codes.length);
  });

  it.each(made.map((error) => [error.name, error] as const))(
    "%s carries what an error must carry",
    (name, error) => {
      expect(error).toBeInstanceOf(errors.OpledgerError);
      expect(error).toBeInstanceOf(Error);
      expect(error.name).toMatch(/^\w+Error$/);
      expect(error).toMatchObject({ message: "message", operation, cause });
      expect(typeof error.retryable).toBe("boolean");
      expect(String(error)).toBe(`${name}: message`);
    },
  );

  it("have no cause where there was none", () => {
    expect("cause" in new errors.RolledBackError("message")).toBe(false);
    expect(new errors.RolledBackError("message").operation).toBeUndefined();
  });
});

describe("docs/glossary.md", () => {
  const words = [...read("docs/glossary.md").matchAll(/^\| ([a-z -]+?) \|/gm)].map(([, word]) => word ?? "");

  it("lists each word once, in alphabetical order", () => {
    const listed = words.filter((word) => word !== "word" && !/^[- ]+$/.test(word));
    expect(listed.length).toBeGreaterThan(20);
    expect(listed).toEqual([...new Set(listed)].sort());
  });

  it.each([
    "operation",
    "ledger",
    "claim",
    "fingerprint",
    "outcome",
    "replay",
    "lease",
    "fencing token",
    "statement",
  ])("explains %s", (word) => expect(words).toContain(word));
});
