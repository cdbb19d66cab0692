import { assert } from "../../../base/assert.js";
import { randomBelow } from "../../../base/random.js";
import type { CodisSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { CodisRoutingWorkload } from "../../profile/profile.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { CodisWords } from "./codis-words.js";

/** After a failure. */
const RETRY_MS = 20;

/**
 * Moves slot after slot to another group. Each move is two commands: the slot's row is written, and every proxy told and
 * waited for; first that it is on its way, then that it has arrived. Part of `commands`: who has acknowledged a command
 * was handed it before.
 */
export class DashboardActor implements Actor {
  private readonly stage: Stage;
  private readonly workload: CodisRoutingWorkload;
  private readonly words: CodisWords;
  private readonly commands: Tally;
  private readonly held: HeldSession<"codis">;
  private readonly groups: number[];

  constructor(stage: Stage) {
    const { workload } = stage.job;
    assert(workload.kind === "codis-routing", "a dashboard needs a codis-routing workload");
    this.stage = stage;
    this.workload = workload;
    this.words = new CodisWords(stage.region);
    this.commands = stage.tally("commands");
    this.held = new HeldSession(stage, "codis");
    this.groups = new Array<number>(workload.slots).fill(0);
  }

  async open(): Promise<void> {
    const session = await this.held.open();
    await session.createSlots(this.workload.slots);
  }

  async act(turns: ActorTurns): Promise<void> {
    const session = await this.held.open();
    while (!turns.over) {
      try {
        await this.migrate(session, turns);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        await turns.pause(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }

  private async migrate(session: CodisSession, turns: ActorTurns): Promise<void> {
    const { slots, groups } = this.workload;
    const { random } = this.stage;
    const slot = randomBelow(random, slots);
    const from = this.groups[slot] as number;
    const group = (from + 1 + randomBelow(random, groups - 1)) % groups;
    const startedMicros = nowMicros();
    await this.tellAll(session, turns, slot, { group, from });
    await this.tellAll(session, turns, slot, { group });
    if (turns.givenUp) return;
    this.groups[slot] = group;
    turns.record("migrate", startedMicros);
    turns.add("migrations", 1);
  }

  private async tellAll(
    session: CodisSession,
    turns: ActorTurns,
    slot: number,
    row: { readonly group: number; readonly from?: number },
  ): Promise<void> {
    const number = this.words.started.value + 1;
    await stepOf(turns, "migrate", () => session.writeSlot(slot, { ...row, command: number }));
    this.words.startedAt.exchange(nowMicros());
    this.words.started.exchange(number);
    try {
      await timed(turns, "command", () =>
        session.broadcast({ number, slot }, (proxy) => this.checkAcknowledged(number, proxy)),
      );
    } catch (error) {
      this.words.uncertain.exchange(number);
      throw error;
    }
  }

  private checkAcknowledged(number: number, proxy: number): void {
    this.commands.observations++;
    const applied = this.words.applied(proxy).value;
    if (applied >= number) return;
    this.commands.violated(`proxy ${proxy} acknowledged command ${number}, and the last it was handed is ${applied}`);
  }
}
