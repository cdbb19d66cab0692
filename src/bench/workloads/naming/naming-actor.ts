import type { Tally } from "../../load/tally.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import { HeldSession } from "../held-session.js";
import { StepFailed, timed } from "../steps.js";
import { NamingWords } from "./naming-words.js";

const RETRY_MS = 20;

/**
 * Asks for id after id. `unique-ids`: no id is given twice; `growing-ids`: an id is larger than every one that was given
 * before it was asked for.
 */
export class NamingActor implements Actor {
  private readonly stage: Stage;
  private readonly words: NamingWords;
  private readonly uniqueIds: Tally;
  private readonly growingIds: Tally;
  private readonly held: HeldSession<"naming">;

  constructor(stage: Stage) {
    this.stage = stage;
    this.words = new NamingWords(stage.region);
    this.uniqueIds = stage.tally("unique-ids");
    this.growingIds = stage.tally("growing-ids");
    this.held = new HeldSession(stage, "naming");
  }

  async open(): Promise<void> {
    await this.held.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    const { words } = this;
    const session = await this.held.open();
    let { expirations } = session;
    while (!turns.over) {
      const least = words.next.value;
      words.begun.add(1);
      let id: number;
      try {
        id = await timed(turns, "next-id", () => session.nextId());
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        await turns.pause(RETRY_MS);
        continue;
      }
      words.done.add(1);
      words.skipped.add(session.expirations - expirations);
      expirations = session.expirations;
      words.next.raise(id + 1);
      this.uniqueIds.observations++;
      this.growingIds.observations++;
      if (!words.ids.take(id))
        this.uniqueIds.violated(`connection ${this.stage.index} was given id ${id} a second time`);
      if (id < least) {
        this.growingIds.violated(`connection ${this.stage.index} was given id ${id} after ${least - 1} had been given`);
      }
    }
  }

  async close(): Promise<void> {
    await this.held.close();
  }
}
