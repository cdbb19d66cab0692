import { ERROR, type ErrorName, errorName } from "../jute/errors.js";

/** What a request failed with, by ZooKeeper's own names. `code` is the number on the wire. */
export class ZooKeeperError extends Error {
  override readonly name: string = "ZooKeeperError";
  readonly code: number;
  /** "NONODE", "CONNECTIONLOSS"; "ERROR<code>" for a code this version does not know. */
  readonly errorName: string;
  /** The call that failed: "getData". */
  readonly operation: string;
  readonly path: string | undefined;

  constructor(code: number, operation: string, path?: string, options?: ErrorOptions & { readonly detail?: string }) {
    const name = nameOfError(code);
    const where = path === undefined ? operation : `${operation} ${path}`;
    super(`${where}: ${name}${options?.detail === undefined ? "" : `, ${options.detail}`}`, options);
    this.code = code;
    this.errorName = name;
    this.operation = operation;
    this.path = path;
  }
}

/** A transaction that was not applied; `index` is the operation that failed, from 0, and the error is that one's. */
export class MultiError extends ZooKeeperError {
  override readonly name = "MultiError";
  readonly index: number;
  /** The outcome of each operation by name: "OK" before the failing one, "RUNTIMEINCONSISTENCY" after it. */
  readonly results: readonly string[];

  constructor(codes: readonly number[], index: number, operation: string, path: string) {
    super(codes[index] as number, `multi[${index}] ${operation}`, path);
    this.index = index;
    this.results = codes.map(nameOfError);
  }
}

/** A promise of the service that a server broke. It is never the caller's fault. */
export class InconsistencyError extends Error {
  override readonly name = "InconsistencyError";
}

/** True where `error` is a ZooKeeperError of one of the given names. */
export function isZooKeeperError(error: unknown, ...names: readonly ErrorName[]): error is ZooKeeperError {
  return error instanceof ZooKeeperError && names.some((name) => ERROR[name] === error.code);
}

export function nameOfError(code: number): string {
  return errorName(code) ?? `ERROR${code}`;
}
