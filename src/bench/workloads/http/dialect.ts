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

/** What an answer says. Positions are places in the target's history: zxids, revisions. */
export interface HttpAnswer {
  /** Where the server stood when it answered; of a write, where that stands. */
  readonly position: number;
  /** Where the key was last written; 0 where there is no value. */
  readonly written: number;
  /** As the target writes values; undefined where there is none, or it was not asked for. */
  readonly value: string | undefined;
}

/** How one target is asked over HTTP, as a user of its interface would: the same key and the same value on each. */
export interface HttpDialect {
  request(operation: HttpOperation, key: string, value: string): HttpRequest;
  /** Undefined where an answer of success does not say what its interface has it say. */
  answerOf(operation: HttpOperation, body: string, header: (name: string) => string | null): HttpAnswer | undefined;
  /** How ASCII text stands in a body: texts of a multiple of 3 bytes as parts of a longer one do. */
  encode(text: string): string;
  decode(text: string): string;
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
  answerOf: (operation, body, header) => {
    const position = Number.parseInt(header("zookeeper-zxid") ?? "", 16);
    const tag = header("etag") ?? "";
    const written = Number.parseInt(tag.slice(tag.lastIndexOf("-") + 1), 16);
    if (Number.isNaN(position) || Number.isNaN(written)) return undefined;
    return { position, written, value: isRead(operation) ? body : undefined };
  },
  encode: (text) => text,
  decode: (text) => text,
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface EtcdAnswer {
  readonly header?: { readonly revision?: string };
  readonly kvs?: readonly { readonly mod_revision?: string; readonly value?: string }[];
}

function etcdAnswer(operation: HttpOperation, body: string): HttpAnswer | undefined {
  let answer: EtcdAnswer;
  try {
    answer = JSON.parse(body) as EtcdAnswer;
  } catch {
    return undefined;
  }
  const position = Number(answer.header?.revision);
  if (Number.isNaN(position)) return undefined;
  if (!isRead(operation)) return { position, written: position, value: undefined };
  const found = answer.kvs?.[0];
  return { position, written: Number(found?.mod_revision ?? 0), value: found?.value };
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
  answerOf: (operation, body) => etcdAnswer(operation, body),
  encode: base64,
  decode: (text) => Buffer.from(text, "base64").toString("latin1"),
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

export function isRead(operation: HttpOperation): boolean {
  return operation !== "write";
}

export function httpOperations(weights: Readonly<Partial<Record<HttpOperation, number>>>): readonly HttpOperation[] {
  return HTTP_OPERATIONS.filter((name) => (weights[name] ?? 0) > 0);
}
