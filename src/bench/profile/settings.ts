import { type Document, isCollection, isSeq, parseDocument } from "yaml";
import { USER_ERRORS, UserError } from "../../base/user-error.js";

/** A value given over that of a profile's text. */
export interface Setting {
  /** From the document's root, a step each: ["workload", "operations", "read"]. */
  readonly path: readonly string[];
  /** As it would come out of YAML. */
  readonly value: unknown;
  /** Where it was given, for people: "--set keys=5". */
  readonly where: string;
}

/** "workload.operations.read=99": a path, steps joined by dots, and the value as YAML. Throws UserError `badSetting`. */
export function parseSetting(text: string): Setting {
  const where = `--set ${text}`;
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals)).trim().split(".");
  const written = text.slice(equals + 1).trim();
  if (equals === -1 || path.includes("") || written === "")
    throw new UserError(USER_ERRORS.badSetting, { value: text });
  const document = parseDocument(written, { prettyErrors: false });
  if (document.errors.length > 0) throw new UserError(USER_ERRORS.badSetting, { value: text });
  return { path, value: document.toJS() as unknown, where };
}

/** True where two dotted paths are the same, or one leads to what contains the other. */
export function pathsOverlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);
}

/** Puts it into the document. What stands in the way and is no collection is replaced: `loop: closed` by {rate: ...}. */
export function applySetting(document: Document, { path, value }: Setting): void {
  const steps: (string | number)[] = [];
  for (const step of path) {
    const parent: unknown = steps.length === 0 ? document.contents : document.getIn(steps, true);
    if (!isCollection(parent)) document.setIn(steps, document.createNode({}));
    steps.push(isSeq(parent) && /^\d+$/.test(step) ? Number(step) : step);
  }
  document.setIn(steps, document.createNode(value));
}
