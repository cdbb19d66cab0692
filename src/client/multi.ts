import { MalformedBytesError } from "../base/bytes.js";
import { ERROR } from "../jute/errors.js";
import type { MultiReadOperation, MultiResult, MultiWriteOperation } from "../jute/multi.js";
import { OP } from "../jute/opcodes.js";
import type { Acl, Stat } from "../jute/records.js";
import { MultiError, ZooKeeperError } from "./errors.js";
import { type CreateOptions, createTemplate } from "./requests.js";

/** One operation of a transaction. A `version` left out matches any. */
export type MultiRequest =
  | ({ readonly op: "create"; readonly path: string; readonly data?: Uint8Array | null } & CreateOptions)
  | { readonly op: "delete"; readonly path: string; readonly version?: number }
  | { readonly op: "setData"; readonly path: string; readonly data: Uint8Array | null; readonly version?: number }
  | { readonly op: "check"; readonly path: string; readonly version: number };

interface MultiResultOf {
  /** Servers tell the stat of containers and nodes with TTL only: they take any other create for the oldest kind. */
  readonly create: { readonly path: string; readonly stat: Stat | undefined };
  readonly delete: null;
  readonly setData: { readonly stat: Stat };
  readonly check: null;
}

export type MultiResults<T extends readonly MultiRequest[]> = { [K in keyof T]: MultiResultOf[T[K]["op"]] };

export type MultiReadRequest = { readonly op: "getData" | "getChildren"; readonly path: string };

interface MultiReadResultOf {
  readonly getData: { readonly data: Buffer | null; readonly stat: Stat };
  readonly getChildren: { readonly children: readonly string[] };
}

/** Each read succeeds or fails by itself. */
export type MultiReadResults<T extends readonly MultiReadRequest[]> = {
  [K in keyof T]: MultiReadResultOf[T[K]["op"]] | ZooKeeperError;
};

export function encodeMultiRequest(
  request: MultiRequest,
  toServer: (path: string) => string,
  defaultAcl: readonly Acl[],
): MultiWriteOperation {
  const path = toServer(request.path);
  switch (request.op) {
    case "create":
      return createTemplate(path, request.data ?? null, request, defaultAcl);
    case "delete":
      return { type: OP.delete, request: { path, version: request.version ?? -1 } };
    case "setData":
      return { type: OP.setData, request: { path, data: request.data, version: request.version ?? -1 } };
    case "check":
      return { type: OP.check, request: { path, version: request.version } };
  }
}

export function encodeMultiRead(request: MultiReadRequest, toServer: (path: string) => string): MultiReadOperation {
  return { type: OP[request.op], request: { path: toServer(request.path), watch: false } };
}

/** Throws MultiError where the transaction was not applied. */
export function decodeMultiResults(
  requests: readonly MultiRequest[],
  results: readonly MultiResult[],
  toClient: (path: string) => string,
): unknown[] {
  const codes = results.map((result) => (result.type === OP.error ? result.response.err : ERROR.OK));
  const failed = codes.findIndex((code) => code !== ERROR.OK);
  if (failed !== -1) {
    const { op, path } = matching(requests, failed);
    throw new MultiError(codes, failed, op, path);
  }
  matchCounts(requests, results);
  return results.map((result) => {
    switch (result.type) {
      case OP.create:
        return { path: toClient(result.response.path), stat: undefined };
      case OP.create2:
        return { path: toClient(result.response.path), stat: result.response.stat };
      case OP.setData:
        return { stat: result.response.stat };
      case OP.delete:
      case OP.check:
        return null;
      default:
        throw new MalformedBytesError(`a transaction has a result of type ${result.type}`);
    }
  });
}

export function decodeMultiReadResults(
  requests: readonly MultiReadRequest[],
  results: readonly MultiResult[],
): unknown[] {
  matchCounts(requests, results);
  return results.map((result, index) => {
    const { op, path } = matching(requests, index);
    switch (result.type) {
      case OP.getData: {
        const { data, stat } = result.response;
        return { data: data === null ? null : Buffer.from(data), stat };
      }
      case OP.getChildren:
        return { children: result.response.children };
      case OP.error:
        return new ZooKeeperError(result.response.err, op, path);
      default:
        throw new MalformedBytesError(`a multiRead has a result of type ${result.type}`);
    }
  });
}

function matching<T>(requests: readonly T[], index: number): T {
  const request = requests[index];
  if (request === undefined) throw new MalformedBytesError(`a result for operation ${index} of ${requests.length}`);
  return request;
}

function matchCounts(requests: readonly unknown[], results: readonly unknown[]): void {
  if (results.length !== requests.length) {
    throw new MalformedBytesError(`${results.length} results for ${requests.length} operations`);
  }
}
