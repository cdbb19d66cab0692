import { assert } from "../base/assert.js";
import type { Zxid } from "../base/zxid.js";
import type { CommandRunner } from "./command-runner.js";
import { type TreeSource, treeSource } from "./database.js";
import type { MemberCore } from "./member-core.js";
import type { Transmission, ZabMessage } from "./zab/effects.js";
import type { ZabServer } from "./zab/zab-server.js";

/** A snapshot that is being taken beside everything else. */
export interface PendingSnapshot {
  /** The last transaction that was applied when it was begun: what it is named after. */
  readonly zxid: Zxid;
  readonly source: TreeSource;
  /** To be called once `source` was encoded: `settle` hears when the snapshot may count, or why it never will. */
  confirm(settle: (refusal: string | undefined) => void): void;
}

/**
 * What makes a member of its parts: it hears, and carries out what the protocol wants on disk, network and tree. All that
 * is heard in one turn is followed by one `settle`; then everything that is to be sent may leave.
 */
export class EnsembleMember {
  readonly machine: ZabServer;
  readonly core: MemberCore;
  private readonly runner: CommandRunner;
  private readonly transmit: (transmission: Transmission) => void;
  /** The machine has heard something since its effects were last taken. */
  private stirred = false;

  constructor(
    machine: ZabServer,
    core: MemberCore,
    runner: CommandRunner,
    transmit: (transmission: Transmission) => void,
  ) {
    this.machine = machine;
    this.core = core;
    this.runner = runner;
    this.transmit = transmit;
  }

  start(): void {
    this.machine.start();
    this.stirred = true;
  }

  /** At the beginning of a turn. `nowMs` is monotonic; `wallMs` since 1970 is what znodes are stamped with. */
  advance(nowMs: number, wallMs: number): void {
    this.machine.advance(nowMs);
    this.core.advance(nowMs, wallMs);
  }

  /** To be called every few milliseconds: times are checked only here. */
  tick(): void {
    this.machine.tick();
    this.core.refuseWaiting();
    this.stirred = true;
  }

  hear(message: ZabMessage): void {
    if (message.kind === "image") this.runner.imageEnded(message.connection);
    else if (message.kind === "disconnected") this.runner.disconnected(message.connection);
    this.machine.step(message);
    this.stirred = true;
  }

  /** Carries out what the machine wants until it wants nothing more. */
  settle(): void {
    const { core, machine, runner } = this;
    for (;;) {
      this.stirred = false;
      const { commands, transmissions, events, syncsDone } = machine.takeEffects();
      runner.submit(commands);
      for (const transmission of transmissions) {
        if (transmission.kind === "close") runner.disconnected(transmission.connection);
        else if (transmission.kind === "image") assert(runner.hasApplied, "an image shows all that was applied so far");
        this.transmit(transmission);
      }
      const wentOn = core.syncsDone(syncsDone);
      for (const event of events) {
        if (event.kind === "request") core.decide(event);
        else core.sessionEvent(event);
      }
      if (!this.stirred && !wentOn && commands.length + events.length === 0) return;
    }
  }

  /** What an image is made from. */
  get source(): TreeSource {
    const { core } = this;
    return treeSource(core.store, core.sessionTable, () => core.appliedZxid);
  }

  /**
   * A snapshot may show nothing that is ever cut off the log, since no file would tell. What is applied while clients are
   * served is committed and stays; who comes to lead applies all of its log, which another leader may cut.
   */
  beginSnapshot(): PendingSnapshot {
    const { core, source, runner } = this;
    const { store, appliedZxid: zxid, openings } = core;
    return {
      zxid,
      source,
      confirm: (settle) => {
        const served = core.role !== undefined && core.openings === openings;
        if (core.appliedZxid !== zxid && !served) {
          settle("what it shows may still be cut off the log");
          return;
        }
        runner.whenDurable(core.appliedZxid, (isDurable) => {
          const refusal = core.store !== store ? "the database was replaced meanwhile" : undefined;
          settle(isDurable ? refusal : "the log was cut, or ended, meanwhile");
        });
      },
    };
  }
}
