// Rules for paths (upstream: PathUtils), and their parts.

export const ROOT_PATH = "/";
/** Nodes of the service itself, which nobody may delete. */
export const SYSTEM_PATH = "/zookeeper";
export const QUOTA_PATH = "/zookeeper/quota";
export const CONFIG_PATH = "/zookeeper/config";

const SLASH = 0x2f;
const DOT = 0x2e;

/** Code units that no path may hold: U+0000-001F, U+007F-009F, U+D800-F8FF, U+FFF0-FFFF, both ends included. */
function isRefused(unit: number): boolean {
  if (unit < 0x7f) return unit <= 0x1f;
  return unit <= 0x9f || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0;
}

/**
 * What is wrong with a path, or undefined if nothing is. The path of a sequential create is checked with its number, so
 * that `/queue/` is fine as a request for one.
 */
export function pathProblem(path: string): string | undefined {
  if (path.length === 0) return "the path is empty";
  if (path.charCodeAt(0) !== SLASH) return "the path does not start with /";
  if (path.length === 1) return undefined;
  let elementStart = 1;
  for (let index = 1; index <= path.length; index++) {
    const unit = index === path.length ? SLASH : path.charCodeAt(index);
    if (isRefused(unit)) return `character 0x${unit.toString(16).padStart(4, "0")} at ${index} is not allowed`;
    if (unit !== SLASH) continue;
    const length = index - elementStart;
    if (length === 0) return index === path.length ? "the path ends with /" : `an element at ${index} is empty`;
    if (length <= 2 && path.charCodeAt(elementStart) === DOT && path.charCodeAt(index - 1) === DOT) {
      return `an element at ${elementStart} is relative`;
    }
    elementStart = index + 1;
  }
  return undefined;
}

export function isValidPath(path: string): boolean {
  return pathProblem(path) === undefined;
}

/** The parent of `/a` is `/`, as clients and watches name it. Not for the root. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? ROOT_PATH : path.slice(0, slash);
}

/** What follows the last slash. */
export function nodeName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A sequential create appends the parent's persisted cversion, signed, in ten digits where it is not negative. */
export function sequenceSuffix(parentCversion: number): string {
  const digits = String(Math.abs(parentCversion));
  return parentCversion < 0 ? `-${digits.padStart(9, "0")}` : digits.padStart(10, "0");
}
