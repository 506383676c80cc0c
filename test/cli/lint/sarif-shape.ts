/**
 * What SARIF 2.1.0 says of the objects that lint writes: each property by what it holds; `!` marks those that must be there.
 * Others would be refused by the schema, which has `additionalProperties: false` everywhere.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
 */
const SHAPES = {
  log: { $schema: "uri", "version!": ["2.1.0"], "runs!": "run[]" },
  run: {
    "tool!": "tool",
    columnKind: ["utf16CodeUnits", "unicodeCodePoints"],
    originalUriBaseIds: "artifactLocation{}",
    invocations: "invocation[]",
    results: "result[]",
  },
  tool: { "driver!": "component" },
  component: {
    "name!": "text",
    version: "text",
    semanticVersion: "text",
    informationUri: "uri",
    rules: "rule[]",
  },
  rule: {
    "id!": "text",
    shortDescription: "message",
    fullDescription: "message",
    help: "message",
    defaultConfiguration: "configuration",
  },
  configuration: { level: ["none", "note", "warning", "error"] },
  message: { "text!": "text", markdown: "text" },
  invocation: { "executionSuccessful!": "flag", toolExecutionNotifications: "notification[]" },
  notification: {
    level: ["none", "note", "warning", "error"],
    "message!": "message",
    locations: "location[]",
  },
  result: {
    ruleId: "text",
    ruleIndex: "index",
    level: ["none", "note", "warning", "error"],
    "message!": "message",
    locations: "location[]",
  },
  location: { physicalLocation: "physicalLocation" },
  physicalLocation: { artifactLocation: "artifactLocation", region: "region" },
  artifactLocation: { uri: "uri", uriBaseId: "text", description: "message" },
  region: {
    startLine: "number",
    startColumn: "number",
    endLine: "number",
    endColumn: "number",
    snippet: "snippet",
  },
  snippet: { text: "text" },
} as const satisfies Record<string, Record<string, string | readonly string[]>>;

const VALUES: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === "string" && value !== "",
  uri: (value) => typeof value === "string" && encodeURI(decodeURI(value)) === value,
  flag: (value) => typeof value === "boolean",
  index: (value) => Number.isInteger(value) && Number(value) >= 0,
  number: (value) => Number.isInteger(value) && Number(value) >= 1,
};

/** What of a document is not SARIF, as paths with the reason; none where all is. */
export function sarifFaults(value: unknown, kind: string | readonly string[] = "log", path = "$"): string[] {
  if (typeof kind !== "string") return kind.includes(String(value)) ? [] : [`${path} is ${value}`];
  if (kind.endsWith("[]") || kind.endsWith("{}")) {
    if (typeof value !== "object" || Array.isArray(value) !== kind.endsWith("[]"))
      return [`${path} is no ${kind}`];
    return Object.entries(value ?? {}).flatMap(([key, each]) =>
      sarifFaults(each, kind.slice(0, -2), `${path}.${key}`),
    );
  }
  const check = VALUES[kind];
  if (check !== undefined) return check(value) ? [] : [`${path} is no ${kind}: ${JSON.stringify(value)}`];
  const shape = Object.entries<string | readonly string[]>(SHAPES[kind as keyof typeof SHAPES]);
  const given = new Map(Object.entries((value ?? {}) as object));
  const faults = shape.flatMap(([name, holds]) => {
    const key = name.replace("!", "");
    if (!given.has(key)) return name === key ? [] : [`${path} lacks ${key}`];
    const found = sarifFaults(given.get(key), holds, `${path}.${key}`);
    given.delete(key);
    return found;
  });
  return [...faults, ...[...given.keys()].map((key) => `${path} has ${key}`)];
}
