import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pino } from "pino";
import { parseServerConfiguration } from "../../../src/server/configuration/zoo-cfg.js";
import { type RunningServer, startServer } from "../../../src/server/server.js";

export interface Gateway {
  readonly server: RunningServer;
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
}

/** A standalone server with a gateway, gone after the test. `extra` are lines of its configuration. */
export async function serveGateway(context: TestContext, extra = ""): Promise<Gateway> {
  const folder = mkdtempSync(join(tmpdir(), "zabench-test-"));
  const text = `dataDir=${folder}
clientPort=0
clientPortAddress=127.0.0.1
tickTime=100
preAllocSize=64
httpGateway.port=0
${extra}`;
  const server = await startServer(parseServerConfiguration("/zoo.cfg", text), pino({ level: "silent" }), (error) => {
    throw error;
  });
  // In this order: the gateway's own sessions are closed with the server, which is a write.
  context.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const port = server.httpGatewayPort!;
  return { server, url: `http://127.0.0.1:${port}`, port };
}

/** Sends a body as it is, with a precondition or other headers. */
export function put(url: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: "PUT", body, headers });
}

/** The problem an answer holds, and that it is one. */
export async function problemOf(answer: Response): Promise<Record<string, unknown>> {
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const problem = (await answer.json()) as Record<string, unknown>;
  assert.equal(problem["status"], answer.status);
  return problem;
}

export async function assertProblem(answer: Response, status: number, error?: string): Promise<void> {
  const problem = await problemOf(answer);
  assert.deepEqual([answer.status, problem["error"]], [status, error], JSON.stringify(problem));
}

export interface ServerEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads server-sent events one by one, as a client of the standard does. */
export class EventReader {
  readonly response: Response;
  lastEventId = "";
  /** Every id that came, with an event or without. */
  readonly idsSeen: string[] = [];
  private readonly abort: AbortController;
  private readonly chunks: ReadableStreamDefaultReader<Uint8Array>;
  private text = "";

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.abort = abort;
    this.chunks = response.body!.getReader();
  }

  static async open(context: TestContext, url: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const abort = new AbortController();
    const response = await fetch(url, { signal: abort.signal, headers: { accept: "text/event-stream", ...headers } });
    const reader = new EventReader(response, abort);
    context.after(() => reader.close());
    return reader;
  }

  /** Undefined at the end of the stream. */
  async next(): Promise<ServerEvent | undefined> {
    for (;;) {
      const end = this.text.indexOf("\n\n");
      if (end !== -1) {
        const block = this.text.slice(0, end);
        this.text = this.text.slice(end + 2);
        const fields = new Map(
          block.split("\n").map((line) => {
            const colon = line.indexOf(":");
            return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
          }),
        );
        const id = fields.get("id");
        if (id !== undefined) {
          this.lastEventId = id;
          this.idsSeen.push(id);
        }
        const data = fields.get("data");
        if (data === undefined) continue;
        return { id, event: fields.get("event") ?? "message", data: JSON.parse(data) as Record<string, unknown> };
      }
      const { done, value } = await this.chunks.read();
      if (done) return undefined;
      this.text += Buffer.from(value).toString("utf8");
    }
  }

  async take(count: number): Promise<ServerEvent[]> {
    const events: ServerEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      assert.ok(event, `the stream ended after ${events.length} of ${count} events`);
      events.push(event);
    }
    return events;
  }

  close(): void {
    this.abort.abort();
  }
}

/** A server that does not close a connection which it should is not waited for any longer. */
const CLOSE_MS_MAX = 15_000;

/** A connection by hand, for what no HTTP client sends. */
export class RawHttp {
  readonly socket: Socket;
  received = "";
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.received += (chunk as Buffer).toString("latin1");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.closed = true;
    });
  }

  static async open(context: TestContext, port: number): Promise<RawHttp> {
    const socket = connect({ port, host: "127.0.0.1" });
    await once(socket, "connect");
    context.after(() => socket.destroy());
    return new RawHttp(socket);
  }

  /** The status of the first answer, once the server has closed the connection. */
  async finalStatus(): Promise<number> {
    if (!this.closed) await once(this.socket, "close", { signal: AbortSignal.timeout(CLOSE_MS_MAX) });
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.received)?.[1] ?? 0);
  }
}
