import { pathProblem, ROOT_PATH } from "../../core/tree/paths.js";
import { CLOSE } from "./framing.js";
import { Problem } from "./problem.js";

/** What a request is about: `/znodes/app/config?sync=true` is family `znodes`, path `/app/config`. */
export interface Resource {
  /** The first element, without slashes. */
  readonly family: string;
  /** What follows it, still percent-encoded: empty, or with a slash in front. */
  readonly rest: string;
  readonly query: ReadonlyMap<string, string>;
}

const NO_QUERY: ReadonlyMap<string, string> = new Map();

function parseQuery(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (query.has(name)) throw new Problem(400, `the query has '${name}' twice`, "BADARGUMENTS");
    query.set(name, value);
  }
  return query;
}

export function parseResource(target: string): Resource {
  // A target in absolute form names a host of its own, past the check of the Host header.
  if (!target.startsWith("/")) throw new Problem(400, "the request target has to be a path", "BADARGUMENTS", CLOSE);
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const slash = path.indexOf("/", 1);
  return {
    family: slash === -1 ? path.slice(1) : path.slice(1, slash),
    rest: slash === -1 ? "" : path.slice(slash),
    query: mark === -1 ? NO_QUERY : parseQuery(target.slice(mark + 1)),
  };
}

/** Throws Problem where the query holds anything else. */
export function allowQuery(query: ReadonlyMap<string, string>, names: ReadonlySet<string>): void {
  if (query.size === 0) return;
  for (const name of query.keys()) {
    if (!names.has(name)) {
      const known = names.size === 0 ? "there is none" : `there is ${[...names].join(", ")}`;
      throw new Problem(400, `no query parameter '${name}' here: ${known}`, "BADARGUMENTS");
    }
  }
}

/** A query parameter that is there or not: `?sync`, `?sync=true`, `?sync=false`. */
export function flag(query: ReadonlyMap<string, string>, name: string): boolean {
  const value = query.get(name);
  if (value === undefined || value === "false") return false;
  if (value === "" || value === "true") return true;
  throw new Problem(400, `${name} is true or false, not '${value}'`, "BADARGUMENTS");
}

/** The znode that the rest of a resource names. Throws Problem BADARGUMENTS. */
export function znodePath(rest: string): string {
  if (rest === "" || rest === "/") return ROOT_PATH;
  let path = rest;
  if (!/^[\x21-\x7e]*$/.test(rest)) throw new Problem(400, "the path is to be percent-encoded UTF-8", "BADARGUMENTS");
  if (rest.includes("%")) {
    if (/%2f/i.test(rest)) throw new Problem(400, "a name cannot hold a slash (%2F)", "BADARGUMENTS");
    try {
      path = decodeURIComponent(rest);
    } catch {
      throw new Problem(400, "the path is not percent-encoded UTF-8", "BADARGUMENTS");
    }
  }
  const problem = pathProblem(path);
  if (problem !== undefined) throw new Problem(400, problem, "BADARGUMENTS", {}, { path });
  return path;
}

/** As `znodePath` reads it. */
export function resourceOf(family: string, path: string): string {
  return `/${family}${path.split("/").map(encodeURIComponent).join("/")}`;
}
