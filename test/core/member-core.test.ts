import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import type { Zxid } from "../../src/base/zxid.js";
import { type Transaction, writeProposal } from "../../src/core/log/transactions.js";
import { type Broadcast, MemberCore } from "../../src/core/member-core.js";
import { ClientConnection } from "../../src/core/request/client-connection.js";
import { sessionPassword } from "../../src/core/session/session-id.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import type { ForwardedRequest, LogEntry } from "../../src/core/zab/effects.js";
import { OP } from "../../src/jute/opcodes.js";
import {
  ConnectRequest,
  ConnectResponse,
  PathWatchRequest,
  ReplyHeader,
  SetDataRequest,
} from "../../src/jute/records.js";

const SESSION = 0x1_0000_0001n;
const SESSION_TIMEOUT_MS = 10_000;

/** The ensemble as a member sees it, in the test's hand. */
class FakeBroadcast implements Broadcast {
  isServing = false;
  proposed = 0;
  nextZxid: Zxid | undefined;
  readonly revalidations: bigint[] = [];
  propose(_: LogEntry): void {
    this.proposed++;
  }
  readonly forwarded: ForwardedRequest[] = [];
  syncs = 0;
  forward(request: ForwardedRequest): void {
    this.forwarded.push(request);
  }
  sync(): void {
    this.syncs++;
  }
  touch(): void {}
  answerRevalidation(): void {}
  revalidate(sessionId: bigint): void {
    this.revalidations.push(sessionId);
  }
}

function member(): { core: MemberCore; broadcast: FakeBroadcast; advance(ms: number): void } {
  const store = ZnodeStore.create({ arenaBytesMax: 1 << 20, hashSeed: 1, readersMax: 0 });
  createFreshTree(store);
  const sessions = new SessionTable();
  sessions.put(SESSION, SESSION_TIMEOUT_MS);
  const broadcast = new FakeBroadcast();
  let now = 1_000;
  const core = new MemberCore(
    store,
    sessions,
    {
      tickTimeMs: 2_000,
      minSessionTimeoutMs: 4_000,
      maxSessionTimeoutMs: 40_000,
      maxBufferBytes: 1 << 20,
      extendedTypesEnabled: false,
      skipAcl: false,
      firstSessionId: 1n,
      lastZxid: 0,
      authenticate: () => undefined,
    },
    broadcast,
    now,
    0,
  );
  return {
    core,
    broadcast,
    advance: (ms) => {
      now += ms;
      core.advance(now, 0);
    },
  };
}

/** A client that comes back to its session. */
function resume(core: MemberCore): { connection: ClientConnection; accepted: boolean } {
  const connection = new ClientConnection("127.0.0.1", 1, 0);
  core.connected(connection);
  const writer = new ByteWriter(64);
  ConnectRequest.write(writer, {
    protocolVersion: 0,
    lastZxidSeen: 0n,
    timeOut: SESSION_TIMEOUT_MS,
    sessionId: SESSION,
    passwd: sessionPassword(SESSION),
    readOnly: false,
  });
  return { connection, accepted: core.received(connection, writer.bytes, 0, writer.offset) };
}

/** What its session is by the answer to the client; undefined where there is none yet. */
function answered({ output }: ClientConnection): bigint | undefined {
  return output.offset === 0 ? undefined : ConnectResponse.read(new ByteReader(output.view(), 4)).sessionId;
}

describe("a client that comes to a member without a leader", () => {
  it("is served as soon as there is one", () => {
    const { core, broadcast, advance } = member();
    const { connection, accepted } = resume(core);
    assert.ok(accepted);
    advance(499);
    core.refuseWaiting();
    broadcast.isServing = true;
    core.open("leading");
    assert.equal(answered(connection), SESSION);
    assert.equal(connection.phase, "open");
  });

  it("is turned away when that takes too long, and at once after that", () => {
    const { core, advance } = member();
    const { connection } = resume(core);
    advance(500);
    core.refuseWaiting();
    assert.equal(connection.phase, "closing");
    assert.deepEqual(core.takeDirty(), [connection]);
    assert.equal(resume(core).accepted, false);
  });

  it("asks the next leader, where the last was lost before it had answered", () => {
    const { core, broadcast, advance } = member();
    broadcast.isServing = true;
    core.open("following");
    advance(60_000);
    const { connection } = resume(core);
    const established = resume(core).connection;
    core.sessionEvent({ kind: "revalidated", sessionId: SESSION, valid: true });
    core.sessionEvent({ kind: "revalidated", sessionId: SESSION, valid: true });
    const late = resume(core).connection;
    assert.deepEqual(broadcast.revalidations, [SESSION, SESSION, SESSION]);
    broadcast.isServing = false;
    core.shut();
    assert.equal(late.phase, "handshake");
    assert.equal(established.phase, "closing");
    assert.equal(connection.phase, "closing");
    broadcast.isServing = true;
    core.open("following");
    assert.equal(broadcast.revalidations.length, 4);
    core.sessionEvent({ kind: "revalidated", sessionId: SESSION, valid: true });
    assert.equal(answered(late), SESSION);
  });

  it("waits on where the leader is lost again before it was served, with its frames in order", () => {
    const { core, broadcast } = member();
    const { connection } = resume(core);
    const ping = Buffer.alloc(8);
    assert.ok(core.received(connection, ping, 0, ping.length));
    core.open("following");
    assert.deepEqual(broadcast.revalidations, []);
    core.shut();
    assert.equal(connection.phase, "handshake");
    broadcast.isServing = true;
    core.open("following");
    assert.deepEqual(broadcast.revalidations, [SESSION]);
    assert.deepEqual([...connection.early], [ping]);
  });

  it("is forgotten when it goes away", () => {
    const { core, broadcast } = member();
    const { connection } = resume(core);
    core.disconnected(connection);
    broadcast.isServing = true;
    core.open("leading");
    assert.equal(answered(connection), undefined);
    assert.equal(connection.phase, "closed");
  });
});

describe("a write behind a sync of its client", () => {
  /** A client of a follower, and its requests by their xids: what each of them has been answered with, in order. */
  function following(): {
    core: MemberCore;
    broadcast: FakeBroadcast;
    send(xid: number, op: number): void;
    replies(): number[];
  } {
    const { core, broadcast } = member();
    broadcast.isServing = true;
    core.open("following");
    const { connection } = resume(core);
    core.sessionEvent({ kind: "revalidated", sessionId: SESSION, valid: true });
    connection.output.reset();
    const send = (xid: number, op: number): void => {
      const writer = new ByteWriter(64);
      writer.int32(xid);
      writer.int32(op);
      if (op === OP.setData) SetDataRequest.write(writer, { path: "/", data: null, version: -1 });
      else if (op === OP.exists) PathWatchRequest.write(writer, { path: "/", watch: false });
      else if (op === OP.sync) writer.string("/");
      assert.ok(core.received(connection, writer.bytes, 0, writer.offset));
    };
    const replies = (): number[] => {
      const xids: number[] = [];
      const view = connection.output.view();
      for (let at = 0; at < view.length; at += 4 + view.readInt32BE(at)) {
        const { xid, err } = ReplyHeader.read(new ByteReader(view, at + 4));
        assert.equal(err, 0, `reply to ${xid}`);
        xids.push(xid);
      }
      return xids;
    };
    return { core, broadcast, send, replies };
  }

  /** As the leader decided on the request that was sent on last. */
  function commit(core: MemberCore, { forwarded }: FakeBroadcast, zxid: Zxid): void {
    const { sessionId, cxid } = forwarded.at(-1)!;
    const writer = new ByteWriter(256);
    const transaction: Transaction = { type: OP.setData, path: "/", data: null, version: zxid };
    const high = Number(BigInt.asIntN(32, sessionId >> 32n));
    writeProposal(writer, high, Number(BigInt.asIntN(32, sessionId)), cxid, zxid, 0, transaction, 0, 0);
    core.apply([{ zxid, payload: writer.copy() }]);
  }

  it("is decided on after it, and both are answered", () => {
    const { core, broadcast, send, replies } = following();
    send(1, OP.sync);
    send(2, OP.setData);
    send(3, OP.exists);
    send(4, OP.setData);
    assert.deepEqual([broadcast.forwarded.length, core.outstandingCount, replies()], [0, 2 + 1, []]);
    core.syncsDone(1);
    assert.deepEqual(
      broadcast.forwarded.map(({ cxid }) => cxid),
      [2, 4],
    );
    assert.deepEqual(replies(), [1]);
    broadcast.forwarded.pop();
    commit(core, broadcast, 1);
    assert.deepEqual(replies(), [1, 2, 3]);
    send(5, OP.sync);
    send(6, OP.closeSession);
    core.syncsDone(1);
    assert.deepEqual(replies(), [1, 2, 3], "the sync waits for the write before it");
    assert.equal(broadcast.forwarded.length, 1);
    broadcast.forwarded.push({ ...broadcast.forwarded[0]!, cxid: 4 });
    commit(core, broadcast, 2);
    assert.deepEqual(replies(), [1, 2, 3, 4, 5]);
    assert.equal(broadcast.forwarded.at(-1)?.op, OP.closeSession);
  });

  it("is forgotten with its connection, and counts no more", () => {
    const { core, broadcast, send } = following();
    send(1, OP.sync);
    send(2, OP.setData);
    for (const connection of [...core.connections]) core.disconnected(connection);
    assert.equal(core.outstandingCount, 0);
    core.syncsDone(1);
    assert.deepEqual(broadcast.forwarded, []);
  });

  it("goes nowhere where the write before it was applied when the leader was lost already", () => {
    const { core, broadcast, send, replies } = following();
    send(1, OP.setData);
    send(2, OP.sync);
    send(3, OP.setData);
    send(4, OP.sync);
    core.syncsDone(1);
    assert.deepEqual([broadcast.forwarded.length, broadcast.syncs], [1, 1]);
    broadcast.isServing = false;
    commit(core, broadcast, 1);
    assert.deepEqual(replies(), [1, 2]);
    assert.deepEqual([broadcast.forwarded.length, broadcast.syncs], [1, 1]);
    core.shut();
    for (const connection of [...core.connections]) core.disconnected(connection);
    assert.equal(core.outstandingCount, 0);
  });
});
