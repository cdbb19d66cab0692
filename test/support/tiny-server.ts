import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import { RingBuffer } from "../../src/base/ring.js";
import { beginEntry, endEntry } from "../../src/core/log/log-format.js";
import { type Transaction, writeTransaction, writeTxnHeader } from "../../src/core/log/transactions.js";
import { ERROR } from "../../src/jute/errors.js";
import { beginFrame, endFrame, FrameSplitter } from "../../src/jute/framing.js";
import { OP } from "../../src/jute/opcodes.js";
import * as records from "../../src/jute/records.js";
import { openStorageFolders } from "../../src/server/storage/folders.js";
import { recover } from "../../src/server/storage/recovery.js";
import { openLogAppender } from "../../src/workers/log-thread.js";

// The least server there can be over the real log: `node tiny-server.js <zoo.cfg>`. It knows create, setData, getData and
// ping, checks nothing, and answers a write when the log says it is durable. For tests and measurements of the log,
// whose statistics it prints when it is terminated.

const config = new Map(
  readFileSync(process.argv[2] as string, "utf8")
    .split("\n")
    .map((line) => line.split("=") as [string, string]),
);
const folders = openStorageFolders(config.get("dataDir") as string);
const values = new Map<string, { data: Buffer; version: number }>();
const ignore = (): void => undefined;

function apply(transaction: Transaction): void {
  if (transaction.type === OP.create) {
    values.set(transaction.path, { data: Buffer.from(transaction.data ?? []), version: 0 });
  } else if (transaction.type === OP.setData) {
    values.set(transaction.path, { data: Buffer.from(transaction.data ?? []), version: transaction.version });
  }
}

let { lastZxid } = recover(
  folders,
  { clear: ignore, session: ignore, acl: ignore, load: ignore, apply: (_, transaction) => apply(transaction) },
  { trustEmptySnapshot: true, notice: (text) => process.stderr.write(`${text}\n`) },
);

const inlineSyncMicrosMax = config.get("inlineSyncMicrosMax");
const log = openLogAppender({
  folder: folders.logs,
  preAllocBytes: 64 << 20,
  sizeLimitBytes: 0,
  forceSync: config.get("forceSync") !== "no",
  ...(inlineSyncMicrosMax === undefined ? {} : { inlineSyncMicrosMax: Number(inlineSyncMicrosMax) }),
  onSynced: answerUpTo,
  onFatal: (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
});

interface Write {
  readonly connection: Connection;
  readonly xid: number;
  readonly zxid: number;
  readonly transaction: Transaction;
}

const unanswered = new RingBuffer<Write>();
const batch = new ByteWriter(1 << 16);
let batchScheduled = false;

/** Everything that arrived in this turn is one batch. */
function appendBatch(): void {
  batchScheduled = false;
  const bytes = batch.view();
  log.append(bytes, lastZxid);
  batch.reset();
}

function answerUpTo(zxid: number): void {
  for (let next = unanswered.peek(); next !== undefined && next.zxid <= zxid; next = unanswered.peek()) {
    unanswered.shift();
    apply(next.transaction);
    next.connection.answer(next.xid, next.zxid, next.transaction);
  }
  for (const connection of Connection.withReplies) connection.flush();
  Connection.withReplies.clear();
}

const stat = {
  czxid: 0,
  mzxid: 0,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 0,
};

class Connection {
  static readonly withReplies = new Set<Connection>();
  private readonly socket: Socket;
  private readonly splitter = new FrameSplitter(1 << 20);
  private readonly replies = new ByteWriter();
  private greeted = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("error", ignore);
    socket.on("data", (chunk) => {
      this.splitter.push(chunk, (bytes, start, end) => {
        if (this.greeted) this.request(new ByteReader(Buffer.from(bytes.subarray(start, end))));
        else this.greet(new ByteReader(bytes, start, end));
        return true;
      });
      this.flush();
    });
  }

  flush(): void {
    if (this.replies.offset === 0) return;
    this.socket.write(this.replies.copy());
    this.replies.reset();
  }

  answer(xid: number, zxid: number, transaction: Transaction): void {
    Connection.withReplies.add(this);
    this.reply(xid, zxid, ERROR.OK, (writer) => {
      if (transaction.type === OP.create) records.CreateResponse.write(writer, { path: transaction.path });
      else if (transaction.type === OP.setData) records.SetDataResponse.write(writer, { stat });
    });
  }

  private greet(reader: ByteReader): void {
    const { timeOut, readOnly } = records.ConnectRequest.read(reader);
    this.greeted = true;
    const start = beginFrame(this.replies);
    const passwd = Buffer.alloc(16);
    records.ConnectResponse.write(this.replies, { protocolVersion: 0, timeOut, sessionId: 1n, passwd, readOnly });
    endFrame(this.replies, start);
  }

  private request(reader: ByteReader): void {
    const { xid, type } = records.RequestHeader.read(reader);
    if (type === OP.create) {
      const { path, data, acl } = records.CreateRequest.read(reader);
      this.write(xid, { type, path, data, acl, ephemeral: false, parentCVersion: -1 });
    } else if (type === OP.setData) {
      const { path, data } = records.SetDataRequest.read(reader);
      this.write(xid, { type, path, data, version: nextVersion(path) });
    } else if (type === OP.getData) {
      const { path } = records.GetDataRequest.read(reader);
      const value = values.get(path);
      this.reply(xid, 0, value === undefined ? ERROR.NONODE : ERROR.OK, (writer) => {
        if (value === undefined) return;
        records.GetDataResponse.write(writer, { data: value.data, stat: { ...stat, version: value.version } });
      });
    } else {
      this.reply(xid, 0, ERROR.OK, ignore);
    }
  }

  private write(xid: number, transaction: Transaction): void {
    const zxid = ++lastZxid;
    unanswered.push({ connection: this, xid, zxid, transaction });
    const start = beginEntry(batch);
    writeTxnHeader(batch, 0, 1, xid, zxid, Date.now(), transaction.type);
    writeTransaction(batch, transaction);
    endEntry(batch, start);
    if (batchScheduled) return;
    batchScheduled = true;
    setImmediate(appendBatch);
  }

  private reply(xid: number, zxid: number, err: number, body: (writer: ByteWriter) => void): void {
    const start = beginFrame(this.replies);
    records.ReplyHeader.write(this.replies, { xid, zxid, err });
    body(this.replies);
    endFrame(this.replies, start);
  }
}

/** Versions given to changes that are not applied yet. */
const given = new Map<string, number>();
function nextVersion(path: string): number {
  const version = Math.max(given.get(path) ?? 0, values.get(path)?.version ?? 0) + 1;
  given.set(path, version);
  return version;
}

process.once("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify(log.statistics)}\n`);
  process.exit(0);
});
createServer((socket) => new Connection(socket)).listen(Number(config.get("clientPort")), "127.0.0.1");
