import { STATUS_CODES } from "node:http";
import { ERROR, type ErrorName, errorName } from "../../jute/errors.js";
import { CoreError, RequestTooLarge } from "./core-session.js";

/** ZooKeeper's errors as HTTP statuses; what is not named here is the server's own failure. */
const STATUS_OF_ERROR: Readonly<Partial<Record<ErrorName, number>>> = {
  NONODE: 404,
  NODEEXISTS: 409,
  BADVERSION: 412,
  NOTEMPTY: 409,
  NOCHILDRENFOREPHEMERALS: 409,
  NOAUTH: 403,
  INVALIDACL: 400,
  BADARGUMENTS: 400,
  MARSHALLINGERROR: 400,
  UNIMPLEMENTED: 501,
  SESSIONEXPIRED: 410,
  SESSIONMOVED: 409,
  CONNECTIONLOSS: 503,
  QUOTAEXCEEDED: 507,
  THROTTLEDOP: 429,
};

/** Seconds after which a client may come again. */
const RETRY_AFTER = { "retry-after": "1" };

/**
 * An answer that says no (RFC 9457), thrown wherever a request is found wanting. It has no stack: contended clients get
 * one all the time.
 */
export class Problem {
  readonly status: number;
  readonly detail: string;
  /** ZooKeeper's error, where it is one. */
  readonly error: ErrorName | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Members beside the standard ones. */
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    detail: string,
    error?: ErrorName,
    headers: Readonly<Record<string, string>> = {},
    extensions: Readonly<Record<string, unknown>> = {},
  ) {
    this.status = status;
    this.detail = detail;
    this.error = error;
    this.headers = headers;
    this.extensions = extensions;
  }

  get body(): string {
    const { status, detail, error, extensions } = this;
    const zookeeper = error === undefined ? {} : { error, code: ERROR[error] };
    const type = error === undefined ? "about:blank" : `urn:zookeeper:error:${error}`;
    return `${JSON.stringify({ type, title: STATUS_CODES[status], status, detail, ...zookeeper, ...extensions })}\n`;
  }
}

/** `path` is what the request was about. */
export function problemOf({ code, outcomeUnknown }: CoreError, path: string): Problem {
  const error = errorName(code) ?? "SYSTEMERROR";
  const status = STATUS_OF_ERROR[error] ?? 500;
  if (error === "CONNECTIONLOSS") {
    const detail = outcomeUnknown
      ? "this server lost its ensemble meanwhile: the request may have been carried out, or not"
      : "this server serves nobody at the moment, because it has no leader";
    return new Problem(status, detail, error, RETRY_AFTER, { path, outcomeUnknown });
  }
  return new Problem(status, `${error}: ${path}`, error, {}, { path });
}

/** As what a handler threw is answered; undefined where that is a bug. */
export function asProblem(thrown: unknown, path: string): Problem | undefined {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof RequestTooLarge)
    return new Problem(413, `the request takes ${thrown.bytes} bytes, which is more than jute.maxbuffer`);
  return thrown instanceof CoreError ? problemOf(thrown, path) : undefined;
}
