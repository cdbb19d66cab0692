import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader, ByteWriter } from "../../src/base/bytes.js";
import type { Zxid } from "../../src/base/zxid.js";
import { type Broadcast, MemberCore } from "../../src/core/member-core.js";
import { ClientConnection } from "../../src/core/request/client-connection.js";
import { sessionPassword } from "../../src/core/session/session-id.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import type { LogEntry } from "../../src/core/zab/effects.js";
import { ConnectRequest, ConnectResponse } from "../../src/jute/records.js";

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
  forward(): void {}
  sync(): void {}
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
