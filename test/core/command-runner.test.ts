import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CommandRunner, type CommandTarget, type MemberStorage } from "../../src/core/command-runner.js";
import type { Database } from "../../src/core/database.js";
import type { CommandBody, LogEntry } from "../../src/core/zab/effects.js";

const entries = (...zxids: readonly number[]): LogEntry[] =>
  zxids.map((zxid) => ({ zxid, payload: Buffer.from(String(zxid)) }));

/** A runner whose storage ends what takes time when it is told to, and a record of what was carried out. */
class Rig {
  readonly log: string[] = [];
  end: () => void = () => assert.fail("nothing is under way");
  private sequence = 0;
  private readonly target: CommandTarget & { appliedZxid: number };
  readonly runner: CommandRunner;

  constructor() {
    const note = (what: string): number => this.log.push(what);
    const takes = (what: string, done: () => void): void => {
      note(what);
      this.end = done;
    };
    const database = (lastZxid: number): Database => ({ lastZxid }) as Database;
    const storage: MemberStorage = {
      append: (appended) => note(`append ${appended.map(({ zxid }) => zxid)}`),
      writeEpoch: (name, epoch, done) => takes(`${name} ${epoch}`, done),
      truncate: (zxid, reload, done) => takes(`truncate ${zxid}`, () => done(reload ? database(zxid) : undefined)),
      install: (zxid, connection, done) => takes(`install ${zxid} of ${connection}`, () => done(database(zxid))),
      dropImage: (connection) => note(`drop ${connection}`),
    };
    this.target = {
      appliedZxid: 0,
      apply: (applied) => {
        this.target.appliedZxid = applied.at(-1)!.zxid;
        note(`apply ${applied.map(({ zxid }) => zxid)}`);
      },
      load: ({ lastZxid }) => {
        this.target.appliedZxid = lastZxid;
        note(`load ${lastZxid}`);
      },
      open: (role) => note(role),
      shut: () => note("shut"),
    };
    this.runner = new CommandRunner(storage, this.target, 0, (sequence) => note(`stored ${sequence}`));
  }

  submit(...commands: readonly CommandBody[]): void {
    this.runner.submit(commands.map((command) => ({ ...command, sequence: ++this.sequence })));
  }

  /** What happened since the last call. */
  take(): string[] {
    return this.log.splice(0);
  }
}

describe("a command runner", () => {
  it("applies without waiting for a sync, and writes an epoch only behind the appends before it", () => {
    const rig = new Rig();
    rig.submit({ kind: "append", entries: entries(1, 2) }, { kind: "apply", entries: entries(1) });
    assert.deepEqual(rig.take(), ["append 1,2", "apply 1"]);
    rig.submit({ kind: "currentEpoch", epoch: 3 }, { kind: "append", entries: entries(3) });
    assert.deepEqual(rig.take(), []);
    rig.runner.synced(2);
    assert.deepEqual(rig.take(), ["stored 2"]);
    rig.submit();
    assert.deepEqual(rig.take(), ["currentEpoch 3"]);
    rig.end();
    assert.deepEqual(rig.take(), ["append 3", "stored 3"]);
    rig.runner.synced(3);
    assert.deepEqual(rig.take(), ["stored 4"]);
  });

  it("loads the tree again only where it is beyond the cut, and tells who waited for what was cut", () => {
    const rig = new Rig();
    const settled: boolean[] = [];
    rig.submit({ kind: "append", entries: entries(1, 2, 3) }, { kind: "apply", entries: entries(1, 2) });
    rig.runner.synced(3);
    rig.submit({ kind: "truncate", zxid: 2 });
    rig.runner.whenDurable(4, (isDurable) => settled.push(isDurable));
    rig.end();
    assert.deepEqual(rig.take().slice(-2), ["truncate 2", "stored 3"]);
    rig.submit({ kind: "truncate", zxid: 1 }, { kind: "apply", entries: entries(2) });
    assert.deepEqual(rig.take(), ["truncate 1"]);
    assert.equal(rig.runner.hasApplied, false);
    rig.end();
    assert.deepEqual(rig.take(), ["load 1", "apply 2", "stored 5"]);
    assert.equal(rig.runner.hasApplied, true);
    assert.deepEqual(settled, [false]);
    rig.runner.whenDurable(1, (isDurable) => settled.push(isDurable));
    rig.runner.end();
    rig.runner.whenDurable(2, (isDurable) => settled.push(isDurable));
    assert.deepEqual(settled, [false, true, false]);
  });

  it("keeps a whole image while it may be installed, and no other", () => {
    const rig = new Rig();
    rig.runner.disconnected(-1);
    assert.deepEqual(rig.take(), ["drop -1"], "of a part nothing can come");
    rig.runner.imageEnded(-2);
    rig.runner.disconnected(-2);
    rig.submit({ kind: "install", zxid: 7, connection: -2 });
    rig.runner.disconnected(-2);
    rig.submit({ kind: "acceptedEpoch", epoch: 2 });
    assert.deepEqual(rig.take(), ["install 7 of -2"], "it is needed until it is installed");
    rig.end();
    assert.deepEqual(rig.take(), ["drop -2", "load 7", "acceptedEpoch 2"]);
    rig.end();
    assert.deepEqual(rig.take(), ["stored 2"]);
    rig.runner.imageEnded(-3);
    rig.runner.disconnected(-3);
    rig.submit();
    assert.deepEqual(rig.take(), ["drop -3"], "nobody wanted it");
  });

  it("carries out nothing once it has ended", () => {
    const rig = new Rig();
    rig.submit({ kind: "acceptedEpoch", epoch: 1 }, { kind: "open", role: "leading", leader: 1, epoch: 1 });
    rig.runner.end();
    rig.end();
    assert.deepEqual(rig.take(), ["acceptedEpoch 1", "stored 1"]);
  });
});
