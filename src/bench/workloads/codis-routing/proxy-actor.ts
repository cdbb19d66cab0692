import { assert } from "../../../base/assert.js";
import { randomFraction } from "../../../base/random.js";
import type { CodisSession, RoutingCommand } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { CodisRoutingWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { Bell } from "../bell.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { CodisWords } from "./codis-words.js";

/**
 * A proxy: registers, reads the slots, follows the commands, and is gone after a while. `commands`: from its registration
 * on it is handed every command, in order; `slot-rows`: the row that it reads on a command is that command's, or later.
 */
export class ProxyActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: CodisRoutingWorkload;
  private readonly words: CodisWords;
  private readonly commands: Tally;
  private readonly slotRows: Tally;
  private readonly held: HeldSession<"codis">;

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "codis-routing", "a proxy needs a codis-routing workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new CodisWords(stage.region);
    this.commands = stage.tally("commands");
    this.slotRows = stage.tally("slot-rows");
    this.held = new HeldSession(stage, "codis");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    while (!turns.over) {
      try {
        const session = await stepOf(turns, "register", () => this.held.open());
        await this.live(session, turns);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
      }
      // Registered until the end of the round: the last command waits for it.
      if (turns.over) return;
      await this.held.end();
      await turns.pause(this.workload.awayMicros / 1_000);
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  private async live(session: CodisSession, turns: ActorTurns): Promise<void> {
    const { proxyLifeMicros, slots } = this.workload;
    const untilMicros = nowMicros() + (0.5 + randomFraction(this.stage.random)) * proxyLifeMicros;
    const proxy = this.stage.index;
    await timed(turns, "register", () => session.registerProxy(proxy));
    // Whoever starts a command after this one looks up whom it is for after this registration.
    const before = this.words.started.value;
    let last = 0;
    const handle = async (command: RoutingCommand): Promise<void> => {
      this.checkOrder(command, last, before);
      last = command.number;
      this.words.applied(proxy).raise(command.number);
      await this.apply(session, turns, command);
    };
    const ended = await stepOf(turns, "apply", () => session.follow(proxy, handle));
    const bell = new Bell();
    ended.addEventListener("abort", bell.ring, { once: true });
    await timed(turns, "load-slots", () => session.readSlots(slots));
    while (!turns.over && nowMicros() < untilMicros) {
      if (!(await bell.heard(turns, (untilMicros - nowMicros()) / 1_000))) continue;
      turns.failed(turns.begin("apply"), ended.reason);
      return;
    }
  }

  /** `last` is the command handed before, 0 for none; those up to `before` need not have come. */
  private checkOrder({ number }: RoutingCommand, last: number, before: number): void {
    this.commands.observations++;
    const proxy = this.stage.index;
    if (number <= last) this.commands.violated(`proxy ${proxy} was handed command ${number} after ${last}`);
    const known = Math.max(last, before, this.words.uncertain.value);
    if (number > known + 1) {
      this.commands.violated(`proxy ${proxy} was handed command ${number} and missed ${known + 1}`);
    }
  }

  private async apply(session: CodisSession, turns: ActorTurns, command: RoutingCommand): Promise<void> {
    const row = await session.readSlot(command.slot);
    this.slotRows.observations++;
    if (row.command < command.number) {
      this.slotRows.violated(
        `proxy ${this.stage.index} read slot ${command.slot} as of command ${row.command} on command ${command.number}`,
      );
    }
    turns.record("apply", this.words.startedAt.value);
  }
}
