import { isCollection, isMap, isPair, isScalar, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import type { z } from "zod";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { WORKLOAD_KINDS } from "../workloads/registry.js";
import type { Profile } from "./profile.js";
import { knownKeys, profileSchema } from "./schema.js";

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** One thing wrong with a profile, and where. Lines and columns count from 1. */
interface Problem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** The keys that a mapping may have: `path` is where it stands, joined by dots; `root` is the whole document. */
export type KnownKeys = (path: string, root: Node) => readonly string[];

/** Throws UserError `profileInvalid`, as `parseStrictYaml` does. */
export function parseProfile(text: string, file: string): Profile {
  return parseStrictYaml(text, file, profileSchema, (path, root) => {
    const workload = isMap(root) ? root.get("workload") : undefined;
    return knownKeys(path, isMap(workload) ? workload.get("kind") : undefined);
  });
}

/**
 * Reads one YAML document by a schema; `file` is only for messages. Throws UserError `profileInvalid` that lists every
 * problem found, each with file, line, column and key.
 */
export function parseStrictYaml<Value>(
  text: string,
  file: string,
  schema: z.ZodType<Value>,
  knownKeysOf: KnownKeys,
): Value {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const problemAt = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, text: message };
  };
  if (document.errors.length > 0) {
    throw invalid(
      file,
      document.errors.map((error) => problemAt(error.pos[0], error.message)),
    );
  }
  if (!isMap(document.contents)) {
    throw invalid(file, [problemAt(0, "a mapping of keys to values is expected, and this is none")]);
  }
  const root: Node = document.contents;
  const outcome = schema.safeParse(document.toJS());
  if (outcome.success) return outcome.data;
  const problems: Problem[] = [];
  for (const issue of outcome.error.issues.flatMap((each) => branchesOf(each))) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        problems.push(
          problemAt(
            offsetOf(root, [...issue.path, key], true),
            unknownKey(issue.path, key, knownKeysOf(joined(issue.path), root)),
          ),
        );
      }
      continue;
    }
    problems.push(problemAt(offsetOf(root, issue.path, false), `${nameOf(issue.path)}${describe(issue)}`));
  }
  throw invalid(file, problems);
}

function invalid(file: string, problems: readonly Problem[]): UserError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const listed = sorted.map((problem) => `\n  ${file}:${problem.line}:${problem.column}: ${problem.text}`);
  return new UserError(USER_ERRORS.profileInvalid, { problems: listed.join("") }, file);
}

/** Of a union that nothing matched, the branch that came closest: the one whose own type fits. */
function branchesOf(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const within = issue.errors.map((errors) => errors.map((each) => ({ ...each, path: [...issue.path, ...each.path] })));
  const fitting = within.filter((errors) =>
    errors.every((each) => each.path.length > issue.path.length || each.code === "unrecognized_keys"),
  );
  return fitting.length === 1 ? (fitting[0] as Issue[]).flatMap((each) => branchesOf(each)) : [issue];
}

function describe(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined && /received undefined/.test(issue.message)
        ? `is missing; it takes ${article(issue.expected)}`
        : `must be ${article(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => `'${String(value)}'`).join(" or ")}`;
    case "invalid_union":
      if (issue.path.at(-1) === "kind") return `must be one of ${Object.keys(WORKLOAD_KINDS).join(", ")}`;
      if (issue.path.at(-1) === "loop") return "must be 'closed' or a rate, such as {rate: 5000/s}";
      return "has a value of the wrong kind";
    case "too_small":
      return `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    default:
      return issue.message;
  }
}

function article(expected: string): string {
  const names: Record<string, string> = { int: "whole number", object: "mapping", array: "list", string: "text" };
  const name = names[expected] ?? expected;
  return name === "text" ? name : `a ${name}`;
}

function nameOf(path: Path): string {
  return path.length === 0 ? "" : `key '${path.map(String).join(".")}': `;
}

function joined(path: Path): string {
  return path.map(String).join(".");
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const place = joined(path);
  const near =
    known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? known.find((name) => isNear(name, key));
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean '${near}'?`;
  return `key '${key}' is not known${place === "" ? "" : ` in '${place}'`}; ${hint}`;
}

/** True where at most two letters differ (Levenshtein). */
function isNear(known: string, given: string): boolean {
  let row = Array.from({ length: given.length + 1 }, (_, index) => index);
  for (let at = 1; at <= known.length; at++) {
    const next = [at];
    for (let to = 1; to <= given.length; to++) {
      const change = (row[to - 1] as number) + (known[at - 1] === given[to - 1] ? 0 : 1);
      next.push(Math.min((row[to] as number) + 1, (next[to - 1] as number) + 1, change));
    }
    row = next;
  }
  return (row[given.length] as number) <= 2;
}

/** Where the value at `path` stands, or (`ofKey`) its key; of something missing, where its parent stands. */
function offsetOf(root: Node, path: Path, ofKey: boolean): number {
  let node: unknown = root;
  let offset = startOf(root);
  for (const [depth, step] of path.entries()) {
    if (!isCollection(node)) break;
    const found: unknown = node.items.find((item, index) =>
      isPair(item) ? keyOf(item) === String(step) : index === step,
    );
    if (found === undefined) break;
    const last = depth === path.length - 1;
    if (isPair(found)) {
      const value = found.value;
      node = value;
      offset = startOf(((last && ofKey) || !hasRange(value) ? found.key : value) as Node);
    } else {
      node = found;
      offset = startOf(found as Node);
    }
  }
  return offset;
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function hasRange(value: unknown): boolean {
  return typeof value === "object" && value !== null && Array.isArray((value as Node).range);
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
