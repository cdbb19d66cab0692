import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from "yaml";
import type { z } from "zod";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { WORKLOAD_KINDS } from "../workloads/registry.js";
import { SHAPE_ALTERNATIVES, SHAPE_FORMS } from "./load-shape.js";
import type { Profile } from "./profile.js";
import { knownKeys, profileSchema, variantSchema } from "./schema.js";
import { applySetting, type Setting } from "./settings.js";
import { type PlannedVariant, planVariants, VARIANT_FORM, VARIANT_VALUE_FORM, type VariantsInput } from "./variants.js";

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** One thing wrong with a profile. */
interface Problem {
  /** `file:line:column`, both counted from 1, or the setting it came from. */
  readonly where: string;
  /** In the text; 0 for what is not in it. */
  readonly offset: number;
  readonly text: string;
}

/** The keys that a mapping may have: `path` is where it stands, joined by dots; `root` is the whole document. */
export type KnownKeys = (path: string, root: Node) => readonly string[];

/** Throws UserError `profileInvalid`, as `parseStrictYaml` does. The settings stand over the text. */
export function parseProfile(text: string, file: string, settings: readonly Setting[] = []): Profile {
  const parse = (over: readonly Setting[], schema: z.ZodType<Profile>): Profile =>
    parseStrictYaml(text, file, schema, knownKeysOfProfile, over);
  const roundIsOwn = !settings.some(({ path }) => path[0] === "duration");
  const profile = parse(settings, profileSchema(roundIsOwn));
  const variants = variantsOf(text, file, settings).map((variant) => ({
    label: variant.label,
    values: variant.values,
    profile: parse([...settings, ...variant.settings], variantSchema(roundIsOwn)),
  }));
  return { ...profile, variants };
}

function knownKeysOfProfile(path: string, root: Node): readonly string[] {
  const workload = isMap(root) ? root.get("workload") : undefined;
  return knownKeys(path, isMap(workload) ? workload.get("kind") : undefined);
}

/** The document's variants, which `profileSchema` has found valid. */
function variantsOf(text: string, file: string, settings: readonly Setting[]): readonly PlannedVariant[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  for (const setting of settings) applySetting(document, setting);
  const varied: unknown = document.get("variants");
  if (!isMap(varied) || !isMap(document.contents)) return [];
  const root: Node = document.contents;
  const locate = (path: Path): string => {
    const { line, col } = lines.linePos(offsetOf(root, path, true));
    return `${file}:${line}:${col}`;
  };
  return planVariants(varied.toJSON() as VariantsInput, locate);
}

/**
 * Reads one YAML document by a schema; `file` is only for messages. Throws UserError `profileInvalid` that lists every
 * problem found, each with file, line, column and key, or with the setting it came from.
 */
export function parseStrictYaml<Value>(
  text: string,
  file: string,
  schema: z.ZodType<Value>,
  knownKeysOf: KnownKeys,
  settings: readonly Setting[] = [],
): Value {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const problemAt = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { where: `${file}:${line}:${col}`, offset, text: message };
  };
  if (document.errors.length > 0) {
    throw invalid(
      file,
      document.errors.map((error) =>
        problemAt(
          error.pos[0],
          error.code === "DUPLICATE_KEY"
            ? `key '${keyAt(document, error.pos[0])}' is given more than once; keep one of them`
            : error.message,
        ),
      ),
    );
  }
  if (!isMap(document.contents)) {
    throw invalid(file, [problemAt(0, "a mapping of keys to values is expected, and this is none")]);
  }
  for (const setting of settings) applySetting(document, setting);
  const root: Node = document.contents;
  const outcome = schema.safeParse(document.toJS());
  if (outcome.success) return outcome.data;
  const problems: Problem[] = [];
  const issues = outcome.error.issues.flatMap((each) => branchesOf(each, root));
  const mistaken = unknownKeysOf(issues, knownKeysOf, root);
  for (const { path, text } of mistaken) {
    const setting = settings.findLast((each) => begins(each.path, path) || begins(path, each.path));
    problems.push(
      setting === undefined ? problemAt(offsetOf(root, path, true), text) : { where: setting.where, offset: 0, text },
    );
  }
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys" || followsFrom(issue, mistaken, root)) continue;
    const told = `${nameOf(issue.path)}${describe(issue, root)}`;
    const parent = issue.path.slice(0, -1);
    const within = parent.length > 0 && isMissing(issue, root) ? parent : issue.path;
    const setting = settings.findLast((each) => begins(issue.path, each.path) || begins(each.path, within));
    problems.push(
      setting === undefined
        ? problemAt(offsetOf(root, issue.path, false), told)
        : { where: setting.where, offset: 0, text: told },
    );
  }
  throw invalid(file, problems);
}

/** True where `path` is `beginning` or lies below it. */
function begins(path: Path, beginning: Path): boolean {
  return beginning.every((step, at) => String(path[at]) === String(step));
}

function invalid(file: string, problems: readonly Problem[]): UserError {
  const sorted = [...problems].sort((a, b) => a.offset - b.offset);
  const listed = sorted.map((problem) => `\n  ${problem.where}: ${problem.text}`);
  return new UserError(USER_ERRORS.profileInvalid, { problems: listed.join("") }, file);
}

/** Of a union that nothing matched, the branch that came closest: the one whose own type fits, with the least amiss. */
function branchesOf(issue: Issue, root: Node): Issue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const within = issue.errors.map((errors) => errors.map((each) => ({ ...each, path: [...issue.path, ...each.path] })));
  const [closest] = within
    .filter((errors) =>
      errors.every((each) => each.path.length > issue.path.length || each.code === "unrecognized_keys"),
    )
    .map((errors) => ({ errors: errors as Issue[], misfits: misfitsOf(errors as Issue[], issue.path.length, root) }))
    .sort((a, b) => a.misfits - b.misfits);
  return closest === undefined ? [issue] : closest.errors.flatMap((each) => branchesOf(each, root));
}

/** How many keys are too many or missing: above all those of the mapping itself, which stands at `depth`. */
function misfitsOf(issues: readonly Issue[], depth: number, root: Node): number {
  return issues.reduce((sum, issue) => {
    const own = issue.code === "unrecognized_keys" ? issue.path.length === depth : issue.path.length === depth + 1;
    // A key too many is a little worse: of two forms that both lack something, it is the one whose keys were begun.
    const count = issue.code === "unrecognized_keys" ? issue.keys.length * 1.5 : isMissing(issue, root) ? 1 : 0;
    return sum + count * (own ? 100 : 1);
  }, 0);
}

function isMissing(issue: Issue, root: Node): boolean {
  return isCollection(root) && !root.hasIn(issue.path);
}

/** Of values with more than one form, what they may be. */
const FORMS: Readonly<Record<string, string>> = {
  ...SHAPE_FORMS,
  "variants.*": VARIANT_FORM,
  "variants.*.*": VARIANT_VALUE_FORM,
  "workload.kind": `one of ${Object.keys(WORKLOAD_KINDS).join(", ")}`,
};

/** By a path in which "*" may stand for any one step. */
function formOf(path: Path): string | undefined {
  const exact = FORMS[joined(path)];
  if (exact !== undefined) return exact;
  const steps = path.map(String);
  return Object.entries(FORMS).find(([pattern]) => {
    const wanted = pattern.split(".");
    return wanted.length === steps.length && wanted.every((step, at) => step === "*" || step === steps[at]);
  })?.[1];
}

function describe(issue: Issue, root: Node): string {
  const missing = isMissing(issue, root);
  switch (issue.code) {
    case "invalid_type":
      return missing ? `is missing; it takes ${article(issue.expected)}` : `must be ${article(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => `'${String(value)}'`).join(" or ")}`;
    case "invalid_union":
      if (formOf(issue.path) !== undefined) return `must be ${formOf(issue.path)}`;
      return missing ? "is missing" : "has a value of the wrong kind";
    case "too_small":
      return `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}`;
    default:
      return issue.message;
  }
}

function article(expected: string): string {
  const names: Record<string, string> = {
    int: "whole number",
    object: "mapping",
    record: "mapping",
    array: "list",
    string: "text",
  };
  const name = names[expected] ?? expected;
  return name === "text" ? name : `a ${name}`;
}

function nameOf(path: Path): string {
  return path.length === 0 ? "" : `key '${path.map(String).join(".")}': `;
}

function joined(path: Path): string {
  return path.map(String).join(".");
}

/** A key, or some of one mapping, that cannot stand where they do. */
interface MistakenKey {
  /** Of the first of them. */
  readonly path: Path;
  readonly text: string;
  /** What was probably meant. */
  readonly near: string | undefined;
}

function unknownKeysOf(issues: readonly Issue[], knownKeysOf: KnownKeys, root: Node): MistakenKey[] {
  return issues.flatMap((issue): MistakenKey[] => {
    if (issue.code !== "unrecognized_keys") return [];
    const place = joined(issue.path);
    const known = knownKeysOf(place, root);
    // Known there in a form other than the one that the rest of the mapping has.
    const [first, ...more] = issue.keys.filter((key) => known.includes(key));
    const unknown = issue.keys
      .filter((key) => !known.includes(key))
      .map((key) => ({ path: [...issue.path, key], ...unknownKey(place, key, known) }));
    if (first === undefined) return unknown;
    const named = [first, ...more].map((key) => `'${key}'`).join(", ");
    const verb = more.length === 0 ? `key ${named} does` : `keys ${named} do`;
    const alternatives = SHAPE_ALTERNATIVES[place];
    const text = `${verb} not go with the rest of '${place}'${alternatives === undefined ? "" : `; ${alternatives}`}`;
    return [{ path: [...issue.path, first], text, near: undefined }, ...unknown];
  });
}

/** True where it is put right by putting right a mistaken key: what is missing is misspelt, or what it was to hold is. */
function followsFrom(issue: Issue, mistaken: readonly MistakenKey[], root: Node): boolean {
  return mistaken.some(({ path, near }) => {
    const place = joined(path.slice(0, -1));
    if (issue.code === "custom") return place !== "" && joined(issue.path) === place;
    return near !== undefined && isMissing(issue, root) && joined(issue.path) === joined([...path.slice(0, -1), near]);
  });
}

function unknownKey(place: string, key: string, known: readonly string[]): Pick<MistakenKey, "text" | "near"> {
  const near =
    known.find((name) => name.toLowerCase() === key.toLowerCase()) ??
    known
      .map((name) => ({ name, letters: lettersApart(name, key) }))
      .filter(({ letters }) => letters <= NEAR_LETTERS_MAX)
      .sort((a, b) => a.letters - b.letters)[0]?.name;
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean '${near}'?`;
  return { text: `key '${key}' is not known${place === "" ? "" : ` in '${place}'`}; ${hint}`, near };
}

const NEAR_LETTERS_MAX = 2;

/** How many letters differ (Levenshtein). */
function lettersApart(known: string, given: string): number {
  let row = Array.from({ length: given.length + 1 }, (_, index) => index);
  for (let at = 1; at <= known.length; at++) {
    const next = [at];
    for (let to = 1; to <= given.length; to++) {
      const change = (row[to - 1] as number) + (known[at - 1] === given[to - 1] ? 0 : 1);
      next.push(Math.min((row[to] as number) + 1, (next[to - 1] as number) + 1, change));
    }
    row = next;
  }
  return row[given.length] as number;
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

/** The key that begins at an offset. */
function keyAt(document: Document, offset: number): string {
  let found = "";
  visit(document, {
    Pair: (_, pair) => {
      if (startOf(pair.key as Node) !== offset) return undefined;
      found = keyOf(pair);
      return visit.BREAK;
    },
  });
  return found;
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
