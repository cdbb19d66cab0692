import type { IncomingMessage, ServerResponse } from "node:http";
import type { Id } from "../../jute/records.js";
import type { Decode, Encode } from "./core-session.js";
import type { Outbox } from "./outbox.js";
import type { Problem } from "./problem.js";
import { PROBLEM_TYPE } from "./representation.js";
import type { Resource } from "./resource.js";

/** In whose name requests to the core are made: that of the HTTP client, through its own session or the gateway's. */
export interface Caller {
  readonly ids: readonly Id[];
  /** Whether what it creates may be ephemeral: only what has a session of its own ends with it. */
  readonly hasSession: boolean;
  /** Sees every write that this client had an answer to. Throws CoreError. */
  read<T>(op: number, encode: Encode, decode: Decode<T>): T | Promise<T>;
  /** Throws CoreError, and RequestTooLarge. */
  write<T>(op: number, encode: Encode, decode: Decode<T>): Promise<T>;
  /** Everything committed before now is applied here when this resolves. Throws CoreError. */
  sync(): Promise<void>;
}

/** Beyond this, copying a body costs more than a second piece. */
const JOINED_BYTES_MAX = 16_384;

type Headers = Readonly<Record<string, string>>;

/** One HTTP request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly resource: Resource;
  readonly address: string;
  readonly ids: readonly Id[];
  /** What the rules for pages of other origins add to each answer. */
  private readonly originHeaders: Headers | undefined;
  private readonly outbox: Outbox;
  wasAnswered = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    resource: Resource,
    address: string,
    ids: readonly Id[],
    originHeaders: Headers | undefined,
    outbox: Outbox,
  ) {
    this.request = request;
    this.response = response;
    this.resource = resource;
    this.address = address;
    this.ids = ids;
    this.originHeaders = originHeaders;
    this.outbox = outbox;
  }

  /** The whole answer. A HEAD gets everything but the body. */
  send(status: number, headers: Headers, body?: Buffer | string): void {
    const { request, response, originHeaders } = this;
    const length: Headers = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    this.wasAnswered = true;
    this.outbox.add(() => {
      response.writeHead(status, { ...headers, ...length, ...originHeaders });
      if (body === undefined || request.method === "HEAD") response.end();
      else if (typeof body === "string" || body.length > JOINED_BYTES_MAX) response.end(body);
      // Node sends a string in one piece with the head, and a buffer in another.
      else response.end(body.toString("latin1"), "latin1");
    });
  }

  sendProblem(problem: Problem): void {
    this.send(problem.status, { "content-type": PROBLEM_TYPE, ...problem.headers }, problem.body);
  }

  /** The head of an answer whose body goes on until it is ended. */
  beginStream(contentType: string): void {
    this.wasAnswered = true;
    this.response.writeHead(200, {
      "content-type": contentType,
      "cache-control": "no-cache",
      // Proxies that collect an answer before they pass it on keep events back.
      "x-accel-buffering": "no",
      ...this.originHeaders,
    });
  }
}
