import { type AddressInfo, createServer, type Socket } from "node:net";
import { ByteReader, ByteWriter, MAX_BUFFER_BYTES, MalformedBytesError } from "../base/bytes.js";
import { DirectWriter, readInto } from "../jute/direct-socket.js";
import { ERROR } from "../jute/errors.js";
import { beginFrame, endFrame, FrameSplitter } from "../jute/framing.js";
import { OP } from "../jute/opcodes.js";
import { ConnectRequest, ConnectResponse, REPLY_HEADER_BYTES, STAT_BYTES, Stat } from "../jute/records.js";

export interface NullServer {
  readonly port: number;
  /** Ends every connection. */
  close(): Promise<void>;
}

const VALUE_BYTES = 100;
/** Every socket is read into this one, and done with before the next is read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536);
const PASSWORD = Buffer.alloc(16);

/** An epoch no real server has, so that a result against this one cannot be mistaken. */
const ZXID_EPOCH = 0xabcd;

/**
 * Speaks ZooKeeper's client protocol and stores nothing: every read is answered with the same 100 bytes, every write
 * with success. What a load generator reaches against it is the generator's own ceiling.
 */
export function startNullServer(): Promise<NullServer> {
  const position = new Position();
  const sockets = new Set<Socket>();
  let sessionId = BigInt(Date.now()) << 16n;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, position, sessionId++);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

/** The zxid that replies carry: every write takes the next one. */
class Position {
  counter = 0;

  next(): void {
    this.counter = (this.counter + 1) >>> 0;
  }
}

function serve(socket: Socket, position: Position, sessionId: bigint): void {
  const splitter = new FrameSplitter(MAX_BUFFER_BYTES);
  const writer = new ByteWriter(16_384);
  let established = false;
  let ended = false;

  const onFrame = (bytes: Buffer, start: number, end: number): boolean => {
    if (established) {
      ended = !answer(writer, position, bytes, start, end);
    } else {
      answerConnect(writer, new ByteReader(bytes, start, end), sessionId);
      established = true;
    }
    return !ended;
  };

  socket.on("error", () => socket.destroy());
  const direct = new DirectWriter(socket);
  readInto(socket, READ_BUFFER, (bytes, length) => {
    if (ended) return;
    try {
      splitter.push(bytes, onFrame, length);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      ended = true;
    }
    if (writer.offset > 0) {
      direct.write(writer.bytes, writer.offset);
      writer.reset();
    }
    if (ended) socket.end();
  });
}

function answerConnect(writer: ByteWriter, reader: ByteReader, sessionId: bigint): void {
  const request = ConnectRequest.read(reader);
  const start = beginFrame(writer);
  ConnectResponse.write(writer, {
    protocolVersion: 0,
    timeOut: request.timeOut,
    sessionId: request.sessionId === 0n ? sessionId : request.sessionId,
    passwd: PASSWORD,
    readOnly: request.readOnly === undefined ? undefined : false,
  });
  endFrame(writer, start);
}

/** False where the connection ends after the answer. */
function answer(writer: ByteWriter, position: Position, bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 8) throw new MalformedBytesError("a request is shorter than its header");
  const xid = bytes.readInt32BE(start);
  const type = bytes.readInt32BE(start + 4);
  switch (type) {
    case OP.getData:
      copyReply(writer, GET_DATA_REPLY, xid, position);
      return true;
    case OP.setData:
      position.next();
      copyReply(writer, STAT_REPLY, xid, position);
      stampStat(writer, position);
      return true;
    case OP.exists:
      copyReply(writer, STAT_REPLY, xid, position);
      return true;
    case OP.create:
    case OP.create2:
    case OP.sync: {
      if (type !== OP.sync) position.next();
      const path = pathOf(bytes, start + 8, end);
      const at = writer.reserve(4 + REPLY_HEADER_BYTES + path.length);
      writer.bytes.writeInt32BE(REPLY_HEADER_BYTES + path.length + (type === OP.create2 ? STAT_BYTES : 0), at);
      writeHeader(writer.bytes, at + 4, xid, position, ERROR.OK);
      writer.bytes.set(path, at + 4 + REPLY_HEADER_BYTES);
      if (type === OP.create2) {
        writer.raw(STAT);
        stampStat(writer, position);
      }
      return true;
    }
    case OP.getChildren2:
      copyReply(writer, NO_CHILDREN_REPLY, xid, position);
      return true;
    case OP.delete:
      position.next();
      copyReply(writer, EMPTY_REPLY, xid, position);
      return true;
    case OP.ping:
    case OP.auth:
    case OP.setWatches:
    case OP.setWatches2:
      copyReply(writer, EMPTY_REPLY, xid, position);
      return true;
    case OP.closeSession:
      copyReply(writer, EMPTY_REPLY, xid, position);
      return false;
    default:
      copyReply(writer, EMPTY_REPLY, xid, position);
      writer.bytes.writeInt32BE(ERROR.UNIMPLEMENTED, writer.offset - 4);
      return false;
  }
}

/** The path with its length before it, as it stands in the request. */
function pathOf(bytes: Buffer, start: number, end: number): Buffer {
  const length = new ByteReader(bytes, start, end).length();
  if (length < 0 || start + 4 + length > end) throw new MalformedBytesError("a path longer than its request");
  return bytes.subarray(start, start + 4 + length);
}

function copyReply(writer: ByteWriter, reply: Buffer, xid: number, position: Position): void {
  const at = writer.reserve(reply.length);
  writer.bytes.set(reply, at);
  writer.bytes.writeInt32BE(xid, at + 4);
  writer.bytes.writeUInt32BE(position.counter, at + 12);
}

/** Makes the stat that was just written the one of a node created and changed by this very write. */
function stampStat(writer: ByteWriter, position: Position): void {
  const at = writer.offset - STAT_BYTES;
  writer.bytes.writeUInt32BE(position.counter, at + 4);
  writer.bytes.writeUInt32BE(position.counter, at + 12);
}

function writeHeader(bytes: Buffer, at: number, xid: number, position: Position, error: number): void {
  bytes.writeInt32BE(xid, at);
  bytes.writeInt32BE(ZXID_EPOCH, at + 4);
  bytes.writeUInt32BE(position.counter, at + 8);
  bytes.writeInt32BE(error, at + 12);
}

function fixedReply(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  const start = beginFrame(writer);
  writeHeader(writer.bytes, writer.reserve(REPLY_HEADER_BYTES), 0, new Position(), ERROR.OK);
  write(writer);
  endFrame(writer, start);
  return writer.copy();
}

function fixedStat(): Buffer {
  const zxid = ZXID_EPOCH * 2 ** 32;
  const writer = new ByteWriter();
  Stat.write(writer, {
    czxid: zxid,
    mzxid: zxid,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ephemeralOwner: 0n,
    dataLength: VALUE_BYTES,
    numChildren: 0,
    pzxid: zxid,
  });
  return writer.copy();
}

const STAT = fixedStat();
const EMPTY_REPLY = fixedReply(() => undefined);
const STAT_REPLY = fixedReply((writer) => writer.raw(STAT));
const GET_DATA_REPLY = fixedReply((writer) => {
  writer.buffer(Buffer.alloc(VALUE_BYTES, "n"));
  writer.raw(STAT);
});
const NO_CHILDREN_REPLY = fixedReply((writer) => {
  writer.int32(0);
  writer.raw(STAT);
});
