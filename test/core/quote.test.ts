import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  lockTimeout,
  Parameters,
  prepared,
  quote,
  quotePath,
  Shapes,
} from "../../src/dialects/postgres/sql.js";

describe("quote", () => {
  it.each([
    ["users", '"users"'],
    ["Users", '"Users"'],
    ["select", '"select"'],
    ["a b.c;--", '"a b.c;--"'],
    ['a"b', '"a""b"'],
    ['"', '""""'],
    ['""', '""""""'],
    ['"; DROP TABLE users; --', '"""; DROP TABLE users; --"'],
    ["it's", '"it\'s"'],
    ["a\\b", '"a\\b"'],
    ["😂", '"😂"'],
  ])("%s becomes %s", (name, quoted) => {
    expect(quote(name)).toBe(quoted);
  });

  it("never lets a name end its quotes, and keeps distinct names distinct", () => {
    const name = fc.string({
      unit: fc.constantFrom('"', "a", "'", ".", ";", "\\"),
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(quote(a)).toMatch(/^"(?:[^"]|"")+"$/);
        expect(quote(a).slice(1, -1).replaceAll('""', '"')).toBe(a);
        expect(quote(a) === quote(b)).toBe(a === b);
      }),
    );
  });

  it("refuses names that PostgreSQL would cut, which is at 63 bytes", () => {
    expect(quote("x".repeat(63))).toHaveLength(65);
    expect(quote("é".repeat(31))).toBeDefined();
    expect(() => quote("x".repeat(64))).toThrow(TypeError);
    expect(() => quote("é".repeat(32))).toThrow(/63 bytes/);
    expect(() => quote("x".repeat(1024 * 1024))).toThrow(/63 bytes/);
  });

  it.each(["", "a\0b", "\0", undefined, null, 7, ["a"], { toString: () => "a" }])("refuses %j", (name) => {
    expect(() => quote(name as string)).toThrow(/not an identifier/);
  });

  it("quotes a path part by part", () => {
    expect(quotePath(["app", 'us"ers'])).toBe('"app"."us""ers"');
    expect(quotePath(["a.b"])).toBe('"a.b"');
    expect(() => quotePath(["a", ""])).toThrow(TypeError);
  });
});

describe("statements", () => {
  it("have names of at most 63 bytes, the same for the same SQL and for no other", () => {
    expect(prepared("SELECT 1").name).toBe(prepared("SELECT 1").name);
    expect(prepared("SELECT 1").name).not.toBe(prepared("SELECT 2").name);
    expect(Buffer.byteLength(prepared("SELECT 1").name)).toBeLessThanOrEqual(63 - "_999999".length);
  });

  it("of one shape are built once, and the oldest shapes are forgotten", () => {
    const shapes = new Shapes();
    let built = 0;
    const build = (): string => `SELECT ${built++}`;
    expect(shapes.get("a", build)).toBe(shapes.get("a", build));
    expect(built).toBe(1);
    for (let index = 0; index < 600; index++) shapes.get(String(index), build);
    shapes.get("599", build);
    expect(built).toBe(601);
    shapes.get("a", build);
    expect(built).toBe(602);
  });

  it("number their placeholders", () => {
    const parameters = new Parameters(8);
    expect([parameters.next(), parameters.next()]).toEqual(["$8", "$9"]);
  });

  it.each([
    [0, "1"],
    [0.2, "1"],
    [10.5, "11"],
    [86_400_000, "86400000"],
  ])("wait for locks at least a millisecond (%s), since 0 is for ever", (waitMs, text) => {
    expect(lockTimeout(waitMs)).toBe(text);
  });
});
