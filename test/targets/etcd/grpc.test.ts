import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ByteWriter } from "../../../src/base/bytes.js";
import { STATUS } from "../../../src/targets/etcd/errors.js";
import {
  type CallHandler,
  decodeGrpcMessage,
  GrpcConnection,
  MESSAGE_BYTES_MAX,
} from "../../../src/targets/etcd/grpc.js";
import { FLAG, FRAME } from "../../../src/targets/etcd/http2/frames.js";
import { Http2PeerServer } from "../../support/http2-peer.js";

const UNARY = { path: "/test/Unary", streaming: false };
const STREAM = { path: "/test/Stream", streaming: true };

function framed(message: string | Buffer): Buffer {
  const body = Buffer.from(message);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** Makes calls whose request is their tag, and keeps what comes back. */
class Calls implements CallHandler {
  readonly answers = new Map<number, string[]>();
  readonly ends = new Map<number, [status: number, message: string]>();
  private wake: () => void = () => {};
  onEnded: (tag: number) => void = () => {};

  writeRequest(tag: number, writer: ByteWriter): void {
    writer.raw(Buffer.from(`request ${tag}`));
  }
  message(tag: number, bytes: Buffer, start: number, end: number): void {
    const text = end - start < 100 ? bytes.toString("utf8", start, end) : `${end - start} bytes`;
    this.answers.set(tag, [...(this.answers.get(tag) ?? []), text]);
    this.wake();
  }
  ended(tag: number, status: number, message: string): void {
    assert.ok(!this.ends.has(tag), "a call ends once");
    this.ends.set(tag, [status, message]);
    this.onEnded(tag);
    this.wake();
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

async function open(port: number, streamsMax = 100): Promise<{ grpc: GrpcConnection; closed: string[] }> {
  const closed: string[] = [];
  const options = { address: { host: "127.0.0.1", port }, streamsMax, silenceMs: 60_000 };
  const grpc = await new Promise<GrpcConnection>((resolve) => {
    const made: GrpcConnection = new GrpcConnection(options, {
      ready: () => resolve(made),
      draining: () => {},
      closed: (reason) => closed.push(reason),
    });
  });
  return { grpc, closed };
}

describe("gRPC against Node's HTTP/2 server", { timeout: 20_000 }, () => {
  let server: Http2Server;
  let grpc: GrpcConnection;
  let calls: Calls;
  let answer: (stream: ServerHttp2Stream, request: Buffer, headers: Record<string, unknown>) => void;

  async function start(settings: object = {}, streamsMax = 100): Promise<void> {
    server = createServer({ settings });
    server.on("stream", (stream, headers) => {
      const parts: Buffer[] = [];
      stream.on("error", () => {});
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => answer(stream, Buffer.concat(parts), headers));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ grpc } = await open((server.address() as AddressInfo).port, streamsMax));
  }

  beforeEach(() => {
    calls = new Calls();
  });

  afterEach(() => {
    grpc.close();
    server.close();
  });

  function respond(stream: ServerHttp2Stream, body: Buffer, trailers: Record<string, string>): void {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end(body);
  }

  it("makes many calls at once, each with its own answer", async () => {
    answer = (stream, request) =>
      respond(stream, framed(`echo ${request.toString("utf8", 5)}`), { "grpc-status": "0" });
    await start();
    for (let tag = 0; tag < 500; tag++) grpc.call(UNARY, calls, tag);
    await calls.until(() => calls.ends.size === 500);
    for (let tag = 0; tag < 500; tag++) {
      assert.deepEqual(calls.answers.get(tag), [`echo request ${tag}`]);
      assert.deepEqual(calls.ends.get(tag), [STATUS.ok, ""]);
    }
  });

  it("waits its turn where the server allows few streams, and a call made from an ended one too", async () => {
    let now = 0;
    let most = 0;
    answer = (stream) => {
      most = Math.max(most, ++now);
      setImmediate(() => {
        now--;
        respond(stream, framed("ok"), { "grpc-status": "0" });
      });
    };
    await start({ maxConcurrentStreams: 3 });
    calls.onEnded = (tag) => {
      if (tag < 50) grpc.call(UNARY, calls, tag + 100);
    };
    for (let tag = 0; tag < 50; tag++) grpc.call(UNARY, calls, tag);
    await calls.until(() => calls.ends.size === 100);
    assert.equal(most, 3);
  });

  it("sends the headers gRPC asks for", async () => {
    let seen: Record<string, unknown> = {};
    answer = (stream, _, headers) => {
      seen = headers;
      respond(stream, framed(""), { "grpc-status": "0" });
    };
    await start();
    grpc.call(UNARY, calls, 0);
    await calls.until(() => calls.ends.size === 1);
    assert.equal(seen[":method"], "POST");
    assert.equal(seen[":path"], UNARY.path);
    assert.equal(seen["te"], "trailers");
    assert.equal(seen["content-type"], "application/grpc");
    assert.deepEqual(calls.answers.get(0), [""]);
  });

  it("reads status and percent-encoded message from trailers, and from a response of trailers only", async () => {
    answer = (stream, request) => {
      if (request.toString("utf8", 5) === "request 0") {
        respond(stream, Buffer.alloc(0), { "grpc-status": "14", "grpc-message": "etcdserver: %C3%BCber 100%25" });
      } else {
        stream.respond(
          { ":status": 200, "grpc-status": "5", "grpc-message": "requested lease not found" },
          { endStream: true },
        );
      }
    };
    await start();
    grpc.call(UNARY, calls, 0);
    grpc.call(UNARY, calls, 1);
    await calls.until(() => calls.ends.size === 2);
    assert.deepEqual(calls.ends.get(0), [STATUS.unavailable, "etcdserver: über 100%"]);
    assert.deepEqual(calls.ends.get(1), [STATUS.notFound, "requested lease not found"]);
  });

  it("names the end of a call that has no gRPC status", async () => {
    answer = (stream, request) => {
      const tag = Number(request.toString("utf8", 5).split(" ")[1]);
      if (tag < 3) stream.respond({ ":status": [503, 404, 200][tag] as number }, { endStream: true });
      else stream.close([7, 8, 11, 2][tag - 3] as number);
    };
    await start();
    for (let tag = 0; tag < 7; tag++) grpc.call(UNARY, calls, tag);
    await calls.until(() => calls.ends.size === 7);
    const statuses = Array.from({ length: 7 }, (_, tag) => calls.ends.get(tag)?.[0]);
    assert.deepEqual(statuses, [
      STATUS.unavailable,
      STATUS.unimplemented,
      STATUS.unknown,
      STATUS.unavailable,
      STATUS.cancelled,
      STATUS.resourceExhausted,
      STATUS.internal,
    ]);
  });

  it("puts together answers over many frames, larger than the windows", async () => {
    answer = (stream) => respond(stream, framed(Buffer.alloc(1_500_000, "x")), { "grpc-status": "0" });
    await start();
    for (let tag = 0; tag < 4; tag++) grpc.call(UNARY, calls, tag);
    await calls.until(() => calls.ends.size === 4);
    for (let tag = 0; tag < 4; tag++) assert.deepEqual(calls.answers.get(tag), ["1500000 bytes"]);
  });

  it("carries messages both ways on a stream, and requests larger than the windows", async () => {
    await start();
    server.removeAllListeners("stream");
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      let bytes = 0;
      stream.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes === 300_005)
          stream.write(Buffer.concat([framed("one"), framed("two"), framed("three").subarray(0, 3)]));
        if (bytes === 300_005) setImmediate(() => stream.write(framed("three").subarray(3)));
      });
    });
    const cell = grpc.openStream(STREAM, calls, 9);
    grpc.send(cell, (writer) => writer.raw(Buffer.alloc(100_000)));
    grpc.send(cell, (writer) => writer.raw(Buffer.alloc(199_995)));
    await calls.until(() => calls.answers.get(9)?.length === 3);
    assert.deepEqual(calls.answers.get(9), ["one", "two", "three"]);
    grpc.cancel(cell);
    assert.equal(calls.ends.size, 0);
  });
});

describe("gRPC against a hostile server", { timeout: 20_000 }, () => {
  let server: Http2PeerServer;
  beforeEach(async () => {
    server = await Http2PeerServer.start();
  });
  afterEach(() => server.stop());

  async function oneCall(body: Buffer): Promise<{ calls: Calls; grpc: GrpcConnection }> {
    const opening = open(server.address.port);
    const peer = await server.peer(0);
    peer.sendSettings();
    const { grpc } = await opening;
    const calls = new Calls();
    grpc.call(UNARY, calls, 0);
    await peer.frame(FRAME.headers, 1);
    peer.sendHeaders(1, [[":status", "200"]]);
    peer.send(FRAME.data, 0, 1, body);
    peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
    await calls.until(() => calls.ends.size === 1);
    return { calls, grpc };
  }

  it("refuses a length beyond reason without keeping room for it", async () => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(MESSAGE_BYTES_MAX + 1, 1);
    const { calls, grpc } = await oneCall(prefix);
    assert.equal(calls.ends.get(0)?.[0], STATUS.internal);
    assert.equal(grpc.accepting, true);
    grpc.close();
  });

  it("refuses compressed messages and one that is cut short, and goes on with the connection", async () => {
    const { calls, grpc } = await oneCall(Buffer.from([1, 0, 0, 0, 1, 0]));
    assert.match(calls.ends.get(0)?.[1] ?? "", /compressed/);
    const peer = await server.peer(0);
    grpc.call(UNARY, calls, 1);
    await peer.frame(FRAME.headers, 3);
    peer.send(FRAME.data, 0, 3, Buffer.from([0, 0, 0, 0, 9, 1]));
    peer.sendHeaders(3, [["grpc-status", "0"]], FLAG.endStream);
    await calls.until(() => calls.ends.size === 2);
    assert.deepEqual(calls.ends.get(1), [STATUS.internal, "the answer was cut short"]);
    grpc.close();
  });

  it("ends calls that wait for a stream too, when the connection goes", async () => {
    const opening = open(server.address.port, 2);
    const peer = await server.peer(0);
    peer.sendSettings();
    const { grpc, closed } = await opening;
    const calls = new Calls();
    const accepting: boolean[] = [];
    calls.onEnded = (tag) => {
      accepting.push(grpc.accepting);
      if (tag < 100) grpc.call(UNARY, calls, tag + 100);
    };
    for (let tag = 0; tag < 5; tag++) grpc.call(UNARY, calls, tag);
    await peer.frame(FRAME.headers, 3);
    peer.destroy();
    await calls.until(() => calls.ends.size === 10);
    assert.deepEqual(new Set([...calls.ends.values()].map(([status]) => status)), new Set([STATUS.connectionLost]));
    assert.ok(accepting.every((was) => !was));
    assert.equal(closed.length, 1);
  });
});

describe("decodeGrpcMessage", () => {
  it("undoes percent-encoding, and leaves alone what is not encoded so", () => {
    assert.equal(decodeGrpcMessage("a%20b%E2%82%AC"), "a b€");
    assert.equal(decodeGrpcMessage("100% sure"), "100% sure");
    assert.equal(decodeGrpcMessage("%FF"), "%FF");
  });
});
