import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { ByteWriter } from "../../src/base/bytes.js";
import { CommandRunner, type MemberStorage } from "../../src/core/command-runner.js";
import { EnsembleMember } from "../../src/core/ensemble-member.js";
import { writeLogRecord } from "../../src/core/log/transactions.js";
import { type Broadcast, MemberCore } from "../../src/core/member-core.js";
import type { ServiceOptions } from "../../src/core/service.js";
import { SessionTable } from "../../src/core/session/session-table.js";
import { createFreshTree } from "../../src/core/tree/fresh.js";
import { ZnodeStore } from "../../src/core/tree/store.js";
import type { LogEntry, ReceivedRequest, ZabEffects } from "../../src/core/zab/effects.js";
import { ZAB_DEFAULTS } from "../../src/core/zab/options.js";
import { MajorityQuorum } from "../../src/core/zab/quorum-verifier.js";
import { ZabServer } from "../../src/core/zab/zab-server.js";
import { OP } from "../../src/jute/opcodes.js";
import { SetDataRequest } from "../../src/jute/records.js";

const EPOCH = 2 ** 32;
const SESSION = 0x100n;
const TICK_MS = 1_000;
const TIMEOUT_MS = 4_000;

const OPTIONS: ServiceOptions = {
  tickTimeMs: TICK_MS,
  minSessionTimeoutMs: 2_000,
  maxSessionTimeoutMs: 20_000,
  maxBufferBytes: 1_000_000,
  extendedTypesEnabled: false,
  skipAcl: false,
  firstSessionId: 1n,
  lastZxid: 0,
  authenticate: () => undefined,
};

const STORAGE: MemberStorage = {
  append: () => {},
  writeEpoch: () => {},
  truncate: () => {},
  install: () => {},
  dropImage: () => {},
};

function entry(zxid: number): LogEntry {
  const writer = new ByteWriter(64);
  const header = { clientId: 0n, cxid: 0, zxid, time: 1, type: OP.error };
  writeLogRecord(writer, header, { type: OP.error, err: -101 }, undefined);
  return { zxid, payload: writer.copy() };
}

function setData(connection: number): ReceivedRequest {
  const body = new ByteWriter(64);
  SetDataRequest.write(body, { path: "/zookeeper", data: Buffer.alloc(0), version: -1 });
  return { kind: "request", connection, sessionId: SESSION, cxid: 1, op: OP.setData, body: body.copy(), ids: [] };
}

/** A core that may propose, and what it proposed. */
function createCore(): { readonly core: MemberCore; readonly proposed: number[] } {
  const store = ZnodeStore.create({ arenaBytesMax: 8 * 2 ** 20, hashSeed: 1, readersMax: 0 });
  createFreshTree(store);
  const sessions = new SessionTable();
  sessions.put(SESSION, TIMEOUT_MS);
  const proposed: number[] = [];
  const broadcast: Broadcast = {
    isServing: true,
    get nextZxid() {
      return EPOCH + proposed.length + 1;
    },
    propose: ({ payload }) => proposed.push(payload.readInt32BE(28)),
    forward: () => {},
    sync: () => {},
    touch: () => {},
    revalidate: () => {},
    answerRevalidation: () => {},
  };
  return { core: new MemberCore(store, sessions, OPTIONS, broadcast, 0, 0), proposed };
}

function createMachine(): ZabServer {
  const verifier = new MajorityQuorum([1, 2, 3]);
  const recovered = { acceptedEpoch: 0, currentEpoch: 0, lastZxid: 0, recent: [], baseZxid: 0, floorZxid: 0 };
  const options = { ...ZAB_DEFAULTS, serverId: 1, verifier, configText: Buffer.alloc(0), configVersion: 0 };
  return new ZabServer(options, recovered, 0);
}

describe("a snapshot that a member takes beside everything else", () => {
  let core: MemberCore;
  let runner: CommandRunner;
  let member: EnsembleMember;

  beforeEach(() => {
    ({ core } = createCore());
    runner = new CommandRunner(STORAGE, core, 0, () => {});
    member = new EnsembleMember(createMachine(), core, runner, () => {});
  });

  /** The answers to one that was begun, after what `meanwhile` does. */
  function answersAfter(meanwhile: () => void): (string | undefined)[] {
    const snapshot = member.beginSnapshot();
    const answers: (string | undefined)[] = [];
    meanwhile();
    snapshot.confirm((refusal) => answers.push(refusal));
    return answers;
  }

  it("counts once the log is durable as far as it goes", () => {
    core.open("following");
    const answers = answersAfter(() => core.apply([entry(1)]));
    assert.deepEqual(answers, []);
    runner.synced(1);
    assert.deepEqual(answers, [undefined]);
  });

  it("never counts where it shows what was applied while nobody was served, since that may be cut again", () => {
    core.open("leading");
    const answers = answersAfter(() => {
      core.shut();
      core.apply([entry(1)]);
    });
    assert.match(answers[0]!, /cut off/);
    core.open("leading");
    const later = answersAfter(() => {
      core.shut();
      core.apply([entry(2)]);
      core.open("leading");
    });
    assert.match(later[0]!, /cut off/);
  });

  it("counts where nothing was applied, served or not", () => {
    assert.deepEqual(
      answersAfter(() => {}),
      [undefined],
    );
  });

  it("never counts of a database that was replaced, or of a log that was cut", () => {
    const { core: other } = createCore();
    const replaced = answersAfter(() => core.load({ store: other.store, sessions: other.sessionTable, lastZxid: 0 }));
    assert.match(replaced[0]!, /replaced/);
    core.open("following");
    const cut = answersAfter(() => core.apply([entry(1)]));
    runner.end();
    assert.match(cut[0]!, /ended/);
  });
});

describe("a session of another server's client, at the leader", () => {
  it("lives for its timeout from its last write on, though no ping told of it", () => {
    const { core, proposed } = createCore();
    const tickAt = (nowMs: number): void => {
      core.advance(nowMs, nowMs);
      core.tick();
    };
    core.open("leading");
    core.advance(TIMEOUT_MS - 500, 0);
    core.decide(setData(5));
    proposed.length = 0;
    tickAt(2 * TIMEOUT_MS - 501);
    assert.deepEqual(proposed, []);
    tickAt(2 * TIMEOUT_MS - 500 + TICK_MS);
    assert.deepEqual(proposed, [OP.closeSession]);
  });

  it("writes through where it came to last, by the order in which the leader heard of both", () => {
    const { core, proposed } = createCore();
    const moved = (connection: number): ZabEffects["events"][number] => {
      return { kind: "revalidate", connection, sessionId: SESSION, timeoutMs: TIMEOUT_MS };
    };
    const heard = (events: ZabEffects["events"]): number[] => {
      const quiet = { commands: [], transmissions: [], syncsDone: 0 };
      const turns: ZabEffects[] = [{ ...quiet, events }];
      const machine = createMachine();
      machine.takeEffects = () => turns.shift() ?? { ...quiet, events: [] };
      new EnsembleMember(machine, core, new CommandRunner(STORAGE, core, 0, () => {}), () => {}).settle();
      return proposed.splice(0);
    };
    core.open("leading");
    assert.deepEqual(heard([moved(5), setData(5)]), [OP.setData]);
    assert.deepEqual(heard([setData(7), moved(7)]), [OP.error], "it had been at 5 when it asked through 7");
    assert.deepEqual(heard([setData(5), setData(7)]), [OP.error, OP.setData]);
  });
});
