import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { ByteWriter } from "../../src/base/bytes.js";
import { empty } from "../../src/jute/codec.js";
import { ERROR } from "../../src/jute/errors.js";
import { beginFrame, endFrame } from "../../src/jute/framing.js";
import { OP } from "../../src/jute/opcodes.js";
import { ConnectRequest, GetDataRequest, SetDataRequest } from "../../src/jute/records.js";
import { clientPort, startFor } from "../support/pair.js";
import { RawSession } from "../support/raw-session.js";

const HANDSHAKE = {
  protocolVersion: 0,
  lastZxidSeen: 0n,
  timeOut: 30_000,
  sessionId: 0n,
  passwd: Buffer.alloc(16),
  readOnly: false,
};

function frame(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  const start = beginFrame(writer);
  write(writer);
  endFrame(writer, start);
  return writer.copy();
}

function ints(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value, index * 4);
  return bytes;
}

const handshake = frame((writer) => ConnectRequest.write(writer, HANDSHAKE));
const request = (op: number, body: Buffer): Buffer =>
  frame((writer) => {
    writer.int32(1);
    writer.int32(op);
    writer.raw(body);
  });
const stringOf = (length: number): Buffer => Buffer.concat([ints(length), Buffer.from("/a")]);

/** How long a server that answered may take to close, and how long a silent one is waited for. */
const GRACE_MS = 300;
const SILENCE_MS = 3_000;

interface Case {
  readonly what: string;
  /** Sent on a new connection, after a good handshake where `established`. */
  readonly bytes: Buffer;
  readonly established: boolean;
}

// Left out: createSession and deleteContainer sent by a client. Apache ZooKeeper carries them out without any check of
// permissions; the core refuses what only a server has a reason to ask for, see the last test.
const CASES: readonly Case[] = [
  { what: "a negative frame length before a session", bytes: ints(-1), established: false },
  { what: "a huge frame length before a session", bytes: ints(0x7fffffff), established: false },
  { what: "an empty handshake", bytes: ints(0), established: false },
  { what: "a truncated handshake", bytes: Buffer.concat([ints(12), Buffer.alloc(12)]), established: false },
  {
    what: "a handshake whose password claims a huge length",
    bytes: frame((writer) => writer.raw(Buffer.concat([Buffer.alloc(24), ints(0x7fffffff)]))),
    established: false,
  },
  {
    what: "a zxid from the future",
    bytes: frame((writer) => ConnectRequest.write(writer, { ...HANDSHAKE, lastZxidSeen: 1n << 60n })),
    established: false,
  },
  {
    what: "an unknown session",
    bytes: frame((writer) => ConnectRequest.write(writer, { ...HANDSHAKE, sessionId: 42n })),
    established: false,
  },
  { what: "a negative frame length", bytes: ints(-2), established: true },
  { what: "a frame above jute.maxbuffer", bytes: ints(0x100000), established: true },
  { what: "a frame of 2 MB", bytes: ints(2_000_000), established: true },
  { what: "an unknown opcode", bytes: request(999, Buffer.alloc(0)), established: true },
  {
    what: "a check outside of a multi",
    bytes: request(OP.check, Buffer.concat([stringOf(2), ints(-1)])),
    established: true,
  },
  { what: "getData without a body", bytes: request(OP.getData, Buffer.alloc(0)), established: true },
  {
    what: "getData with a path that claims a huge length",
    bytes: request(OP.getData, stringOf(0x7fffffff)),
    established: true,
  },
  {
    what: "getData with a path that claims a negative length",
    bytes: request(OP.getData, stringOf(-5)),
    established: true,
  },
  { what: "getData cut before the watch flag", bytes: request(OP.getData, stringOf(2)), established: true },
  { what: "create without a body", bytes: request(OP.create, Buffer.alloc(0)), established: true },
  {
    what: "create with a truncated record",
    bytes: request(OP.create, Buffer.concat([stringOf(2), ints(100)])),
    established: true,
  },
  {
    what: "setData with data that claims a negative length",
    bytes: request(OP.setData, Buffer.concat([stringOf(2), ints(-7)])),
    established: true,
  },
  {
    what: "a vector of ACLs that claims a huge count",
    bytes: request(OP.create, Buffer.concat([stringOf(2), ints(-1, 0x7fffffff)])),
    established: true,
  },
  {
    what: "a multi that does not end",
    bytes: request(OP.multi, Buffer.concat([ints(OP.delete), Buffer.from([0]), ints(-1)])),
    established: true,
  },
  {
    what: "a multi of reads",
    bytes: request(
      OP.multi,
      Buffer.concat([
        ints(OP.getData),
        Buffer.from([0]),
        ints(-1),
        stringOf(2),
        Buffer.from([0]),
        ints(-1),
        Buffer.from([1]),
        ints(-1),
      ]),
    ),
    established: true,
  },
  { what: "setWatches cut short", bytes: request(OP.setWatches, ints(0)), established: true },
  {
    what: "addWatch of an unknown mode",
    bytes: request(OP.addWatch, Buffer.concat([stringOf(2), ints(7)])),
    established: true,
  },
  {
    what: "auth of an unknown scheme",
    bytes: request(OP.auth, Buffer.concat([ints(0, 4), Buffer.from("nope"), ints(1), Buffer.from("x")])),
    established: true,
  },
  { what: "a request shorter than its header", bytes: ints(4, 1), established: true },
];

/** What comes back, with zxids taken out, and whether the server closed the connection. */
async function outcome(port: number, { bytes, established }: Case): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk as Buffer));
  socket.on("error", () => undefined);
  // Not by `once` of events, which rejects where a server that closes resets the connection.
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve("closed")));
  await once(socket, "connect");
  if (established) {
    socket.write(handshake);
    await once(socket, "data");
    chunks.length = 0;
  }
  socket.write(bytes);
  // A ping behind it shows whether the connection is still served. A server that closes may answer it first, or not.
  if (established) socket.write(frame((writer) => writer.raw(ints(-2, OP.ping))));
  const pong = new Promise<void>((resolve) => {
    const look = (): void => {
      if (established && Buffer.concat(chunks).includes(ints(-2))) resolve();
    };
    socket.on("data", look);
    look();
  });
  const wait = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(resolve, ms, "open").unref());
  const end = await Promise.race([closed, pong.then(() => wait(GRACE_MS)), wait(SILENCE_MS)]);
  socket.destroy();
  const received = Buffer.concat(chunks);
  const errors: number[] = [];
  for (let at = 0; established && at + 20 <= received.length; at += 4 + received.readInt32BE(at)) {
    if (received.readInt32BE(at + 4) !== -2) errors.push(received.readInt32BE(at + 4), received.readInt32BE(at + 16));
  }
  return `${end}, ${established ? `xid and err ${errors.join(" ")}` : `${received.length} bytes`}`;
}

describe("what no client should send", () => {
  it("closes or is answered as by Apache ZooKeeper, and harms nobody else", { timeout: 180_000 }, async (context) => {
    const zookeeper = await startFor(context, "zookeeper");
    const core = await startFor(context, "core");
    if (zookeeper === undefined || core === undefined) return;
    const bystander = await RawSession.open(clientPort(core));
    for (const bad of CASES) {
      const [expected, actual]: string[] = await Promise.all([
        outcome(clientPort(zookeeper), bad),
        outcome(clientPort(core), bad),
      ]);
      assert.equal(actual, expected, bad.what);
      assert.equal((await bystander.send(OP.getData, GetDataRequest, { path: "/", watch: false })).err, 0, bad.what);
    }
  });

  it("a value of 2 MB closes its own connection only, and is not stored", { timeout: 60_000 }, async (context) => {
    const core = await startFor(context, "core");
    if (core === undefined) return;
    const [big, other] = await Promise.all([RawSession.open(clientPort(core)), RawSession.open(clientPort(core))]);
    const write = { path: "/zookeeper", data: Buffer.alloc(2_000_000), version: -1 };
    await assert.rejects(big.send(OP.setData, SetDataRequest, write), /connection closed/);
    const read = await other.send(OP.getData, GetDataRequest, { path: "/zookeeper", watch: false });
    assert.equal(read.body.readInt32BE(0), 0);
    assert.equal((await other.send(OP.closeSession, empty, null)).err, 0);
  });

  it("requests that only a server makes are refused", { timeout: 60_000 }, async (context) => {
    const core = await startFor(context, "core");
    if (core === undefined) return;
    for (const op of [OP.createSession, OP.deleteContainer, OP.error]) {
      const session = await RawSession.open(clientPort(core));
      assert.equal((await session.sendBytes(op, stringOf(2))).err, ERROR.UNIMPLEMENTED);
    }
  });
});
