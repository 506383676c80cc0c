import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalForm, ExactDecimal, fingerprint } from "../../src/index.js";
import { BigNumberLike, DecimalJsLike } from "./support/values.js";

/**
 * The public vectors of RFC 8785 and its author's test data.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8785
 * @see https://github.com/cyberphone/json-canonicalization/tree/master/testdata
 */
describe("RFC 8785", () => {
  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("serialises the double %s as %s (appendix B)", (bits, text) => {
    expect(canonicalForm(Buffer.from(bits, "hex").readDoubleBE())).toBe(text);
  });

  it.each([
    ["arrays", '[56,{"d":true,"10":null,"1":[]}]', '[56,{"1":[],"10":null,"d":true}]'],
    [
      "french",
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
    ],
    [
      "structures",
      '{"1":{"f":{"f":"hi","F":5},"\\n":56.0},"10":{},"":"empty","a":{},"111":[{}],"A":{}}',
      '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}',
    ],
    ["unicode", '{"Unnormalized Unicode":"A\\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'],
    [
      "values",
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    ],
    [
      "weird",
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude02":"Smiley","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis","</script>":"Browser Challenge"}',
      '{"\\r":"Carriage Return","1":"One","</script>":"Browser Challenge","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😂":"Smiley","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
  ])("canonicalises the published example: %s", (_, input, output) => {
    expect(canonicalForm(JSON.parse(input))).toBe(output);
  });

  it("sorts keys by UTF-16 code units, not by code points", () => {
    // U+1F602 is beyond U+FB33, but its first code unit, D83D, is before it.
    expect(canonicalForm({ "\ufb33": 1, "😂": 2 })).toBe('{"😂":2,"\ufb33":1}');
  });

  it("sorts keys that look like array indices as text", () => {
    expect(canonicalForm({ 2: 0, 10: 0, 1: 0 })).toBe('{"1":0,"10":0,"2":0}');
  });
});

describe("what JSON cannot say", () => {
  const date = new Date("2026-11-22T06:41:37.001Z");
  it.each<[string, unknown, string]>([
    ["a Date", date, '{"$date":"2026-11-22T06:41:37.001Z"}'],
    ["a Date before the common era", new Date(-8.64e15), '{"$date":"-271821-04-20T00:00:00.000Z"}'],
    ["a bigint", -(2n ** 70n), '{"$bigint":"-1180591620717411303424"}'],
    ["bytes", Uint8Array.of(0, 1, 255), '{"$bytes":"AAH/"}'],
    ["a Buffer", Buffer.from("hi"), '{"$bytes":"aGk="}'],
    ["a part of a buffer", Uint8Array.of(9, 1, 2, 9).subarray(1, 3), '{"$bytes":"AQI="}'],
    ["no bytes", new Uint8Array(), '{"$bytes":""}'],
    ["an ExactDecimal", new ExactDecimal("-12.50"), '{"$decimal":"-12.50"}'],
    ["a decimal.js", new DecimalJsLike("12.5"), '{"$decimal":"12.5"}'],
    ["a bignumber.js", new BigNumberLike("0.1"), '{"$decimal":"0.1"}'],
    [
      "a Map",
      new Map<unknown, unknown>([
        ["b", 1],
        ["a", 2n],
      ]),
      '{"$map":[["a",{"$bigint":"2"}],["b",1]]}',
    ],
    ["a Set", new Set(["b", "a", 1]), '{"$set":["a","b",1]}'],
    ["a key that starts with $", { $date: 1, $$a: 2, $: 3 }, '{"$$":3,"$$$a":2,"$$date":1}'],
    ["__proto__", JSON.parse('{"__proto__":{"a":1},"a":2}'), '{"__proto__":{"a":1},"a":2}'],
    [
      "constructor, toString, hasOwnProperty",
      { constructor: 1, toString: 2 },
      '{"constructor":1,"toString":2}',
    ],
    ["an object without prototype", Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ["an undefined property", { a: undefined, b: 1 }, '{"b":1}'],
    ["a URL, by its toJSON", new URL("https://a.example/"), '"https://a.example/"'],
    [
      "an instance of a class with properties",
      new (class Point {
        x = 1;
      })(),
      '{"x":1}',
    ],
    ["null", null, "null"],
    ["minus zero, which is zero", -0, "0"],
    ["a property named toJSON", { toJSON: "text" }, '{"toJSON":"text"}'],
  ])("%s", (_, value, form) => {
    expect(canonicalForm(value)).toBe(form);
    expect(fingerprint(value).toString("hex")).toBe(createHash("sha256").update(form).digest("hex"));
  });

  it("undefined has the hash of no bytes, which null has not", () => {
    expect(fingerprint(undefined).toString("hex")).toBe(createHash("sha256").digest("hex"));
    expect(fingerprint(null)).not.toEqual(fingerprint(undefined));
  });

  it("toJSON is asked before properties, and its result is encoded in turn", () => {
    class Money {
      readonly #cents = 100n;
      toJSON(): unknown {
        return { cents: this.#cents, at: new Date(0) };
      }
    }
    expect(canonicalForm({ price: new Money() })).toBe(
      '{"price":{"at":{"$date":"1970-01-01T00:00:00.000Z"},"cents":{"$bigint":"100"}}}',
    );
  });

  it("leaves the payload as it was", () => {
    const payload = Object.freeze({ b: Object.freeze([1, Object.freeze({ $a: 1 })]), a: new Date(0) });
    const before = JSON.stringify(payload);
    canonicalForm(payload);
    expect(JSON.stringify(payload)).toBe(before);
  });

  it("a shared reference is no cycle", () => {
    const shared = { a: [1] };
    expect(canonicalForm([shared, shared, { shared }])).toBe('[{"a":[1]},{"a":[1]},{"shared":{"a":[1]}}]');
  });
});
