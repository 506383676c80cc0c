export { readConfig, readProject } from "./files.js";
export { lint as lintFiles } from "./lint.js";
export { sarifOf } from "./sarif.js";
export { lintText } from "./text.js";
