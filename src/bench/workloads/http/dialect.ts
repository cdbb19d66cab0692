import { assert } from "../../../base/assert.js";
import type { TargetName } from "../../../targets/target.js";
import { HTTP_OPERATIONS, type HttpOperation } from "../../profile/profile.js";

/** One request as it goes out. */
export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** How one target is asked over HTTP, as a user of its interface would: the same key and the same value on each. */
export interface HttpDialect {
  request(operation: HttpOperation, key: string, value: string): HttpRequest;
  /** The value in the answer to a read; undefined where there is none. */
  valueOf(body: string): string | undefined;
}

const NO_HEADERS = {};
const JSON_HEADERS = { "content-type": "application/json" };

/** Znodes are resources, and values are bodies. */
const core: HttpDialect = {
  request: (operation, key, value) => {
    const path = `/znodes${key}`;
    switch (operation) {
      case "read":
        return { method: "GET", path, headers: NO_HEADERS, body: "" };
      case "readLinearizable":
        return { method: "GET", path: `${path}?sync=true`, headers: NO_HEADERS, body: "" };
      case "write":
        return { method: "PUT", path, headers: NO_HEADERS, body: value };
    }
  },
  valueOf: (body) => body,
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function valueInRange(body: string): string | undefined {
  try {
    const { kvs } = JSON.parse(body) as { kvs?: readonly { value?: string }[] };
    const value = kvs?.[0]?.value;
    return value === undefined ? undefined : Buffer.from(value, "base64").toString("latin1");
  } catch {
    return undefined;
  }
}

/** Its JSON gateway: calls of gRPC as JSON, keys and values in base64. */
const etcd: HttpDialect = {
  request: (operation, key, value) => {
    const method = "POST";
    switch (operation) {
      case "read":
        return {
          method,
          path: "/v3/kv/range",
          headers: JSON_HEADERS,
          body: JSON.stringify({ key: base64(key), serializable: true }),
        };
      case "readLinearizable":
        return { method, path: "/v3/kv/range", headers: JSON_HEADERS, body: JSON.stringify({ key: base64(key) }) };
      case "write":
        return {
          method,
          path: "/v3/kv/put",
          headers: JSON_HEADERS,
          body: JSON.stringify({ key: base64(key), value: base64(value) }),
        };
    }
  },
  valueOf: valueInRange,
};

const DIALECTS: Readonly<Partial<Record<TargetName, HttpDialect>>> = { core, etcd };

/** The targets that have an interface over HTTP. */
export const HTTP_TARGETS = Object.keys(DIALECTS) as readonly TargetName[];

export function dialectOf(target: TargetName): HttpDialect {
  const dialect = DIALECTS[target];
  assert(dialect !== undefined, `${target} has no interface over HTTP, and the workload's kind says so`);
  return dialect;
}

export function keyOf(root: string, number: number): string {
  return `${root}/http-${String(number).padStart(8, "0")}`;
}

/** ASCII, as long as asked for, and different for every key as far as its length allows. */
export function storedValue(number: number, bytes: number): string {
  const unit = `${String(number).padStart(8, "0")}:`;
  return unit.repeat(Math.ceil(bytes / unit.length)).slice(0, bytes);
}

export function isRead(operation: HttpOperation): boolean {
  return operation !== "write";
}

export function httpOperations(weights: Readonly<Partial<Record<HttpOperation, number>>>): readonly HttpOperation[] {
  return HTTP_OPERATIONS.filter((name) => (weights[name] ?? 0) > 0);
}
