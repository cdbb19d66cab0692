import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import type { RunResult } from "../bench/result.js";
import { membersCsv, operationsCsv, percentilesCsv, ratiosCsv, secondsCsv, sweepCsv } from "./csv.js";
import { percentileDistribution } from "./histogram.js";
import { renderPage } from "./page/page.js";
import { resultSchema, SCHEMA_VERSION } from "./schema.js";

export const RESULT_FILE = "result.json";
export const PAGE_FILE = "report.html";

/** A name that every file system takes: letters, digits, dot, dash and underscore, not hidden, never a path. */
export function fileName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "");
  return name === "" ? "unnamed" : name.slice(0, 100);
}

/** `<root>/<profile>/<start time>`, the start time as "2025-03-04T05-06-07.089Z". */
export function reportFolder(root: string, result: Pick<RunResult, "profile" | "startedAt">): string {
  return join(root, fileName(result.profile.name), fileName(result.startedAt.replaceAll(":", "-")));
}

/** Every file of a report but `result.json`, by name: pure, and the same for the same result. */
export function renderReports(result: RunResult): ReadonlyMap<string, string> {
  const files = new Map([
    [PAGE_FILE, renderPage(result)],
    ["seconds.csv", secondsCsv(result)],
    ["operations.csv", operationsCsv(result)],
    ["percentiles.csv", percentilesCsv(result)],
    ["members.csv", membersCsv(result)],
    ["ratios.csv", ratiosCsv(result)],
  ]);
  if (result.sweep !== null) files.set("sweep.csv", sweepCsv(result));
  for (const target of result.targets) {
    for (const { name, latency, service } of target.operations) {
      for (const [series, histogram] of [
        ["latency", latency],
        ["service", service],
      ] as const) {
        if (histogram === null) continue;
        files.set(fileName(`${target.label}-${name}-${series}-micros.hgrm`), percentileDistribution(histogram));
      }
    }
  }
  return files;
}

export interface WrittenReports {
  /** Path of the HTML file. */
  readonly html: string;
  /** Paths of every file, `result.json` first. */
  readonly files: readonly string[];
}

/**
 * Makes the folder below which reports will go, before anything is measured for them. Throws UserError `reportsFolderUnusable`
 * where it cannot be made or written to.
 */
export async function prepareReportsRoot(root: string): Promise<void> {
  try {
    await makeFolder(resolve(root));
    await rm(await mkdtemp(join(root, ".probe-")), { recursive: true });
  } catch (error) {
    throw unusable(root, error);
  }
}

/** What the system says of a folder is the user's to put right; anything else is a bug. */
function unusable(folder: string, error: unknown): unknown {
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined || errno === undefined) return error;
  return new UserError(USER_ERRORS.reportsFolderUnusable, { problem: code }, folder);
}

/** Level by level: Node's recursive mkdir goes on for ever where the parent is there and takes no folders, as /proc. */
async function makeFolder(path: string): Promise<void> {
  const made = async (): Promise<void> => {
    await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      if (!(await stat(path)).isDirectory()) throw error;
    });
  };
  if (await exists(path)) return await made();
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await made();
}

/**
 * Writes `result.json` and every report of it into `folder`, which appears whole or not at all: the files are made in
 * a folder beside it that is renamed. Where `folder` is there already, each file in it is replaced whole.
 */
export async function writeReports(result: RunResult, folder: string): Promise<WrittenReports> {
  const contents = new Map([[RESULT_FILE, `${JSON.stringify(result, null, 1)}\n`], ...renderReports(result)]);
  const parent = dirname(folder);
  const partial = join(parent, `.${basename(folder)}.${randomUUID()}.partial`);
  try {
    await makeFolder(resolve(partial));
    for (const [name, text] of contents) await writeFile(join(partial, name), text);
    if (!(await exists(folder))) await rename(partial, folder);
    else for (const name of contents.keys()) await rename(join(partial, name), join(folder, name));
  } catch (error) {
    throw unusable(folder, error);
  } finally {
    // What kept it from being made keeps it from being looked at, and is told already.
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
  }
  return { html: join(folder, PAGE_FILE), files: [...contents.keys()].map((name) => join(folder, name)) };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

/**
 * Reads a result from a `result.json` or the folder that holds one. UserError `resultMissing`, `resultUnreadable` (not
 * JSON), `resultVersion` (written by another version) or `resultInvalid` (names the file and the key).
 */
export async function readResult(path: string): Promise<RunResult> {
  const file = await resultFile(path);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UserError(USER_ERRORS.resultMissing, { problem: error.code ?? error.message }, file);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(USER_ERRORS.resultUnreadable, { problem: (error as Error).message }, file);
  }
  const version =
    typeof value === "object" && value !== null && "schemaVersion" in value ? value.schemaVersion : undefined;
  if (version !== undefined && version !== SCHEMA_VERSION) {
    throw new UserError(USER_ERRORS.resultVersion, { version: String(version), supported: SCHEMA_VERSION }, file);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue === undefined || issue.path.length === 0 ? "(the whole file)" : keyPath(issue.path);
  throw new UserError(USER_ERRORS.resultInvalid, { key, problem: issue?.message ?? "not a result" }, file);
}

const keyPath = (path: readonly PropertyKey[]): string =>
  path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");

/**
 * The `result.json` of the run of `profile` that began last, below `root`; never `except`, so that a baseline that lies
 * there is not compared with itself. UserError `noResults` where there is none.
 */
export async function findNewestResult(root: string, profile: string, except?: string): Promise<string> {
  const folder = join(root, fileName(profile));
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const excluded = except === undefined ? undefined : resolve(await resultFile(except));
  // Folders are named after their start time, so names order as times do; a hidden one is not written to the end yet.
  const names = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name);
  for (const name of names.sort().reverse()) {
    const path = join(folder, name, RESULT_FILE);
    if (resolve(path) !== excluded && (await exists(path))) return path;
  }
  throw new UserError(USER_ERRORS.noResults, {}, folder);
}

/** The file itself, or `result.json` in it where `path` is a folder. */
export async function resultFile(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() === true ? join(path, RESULT_FILE) : path;
}
