import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { nowMicros } from "../../load/clock.js";
import type { Actor, ActorTurns, Stage } from "../actor.js";
import type { Release, WaitingWords } from "./waiting-words.js";

/** Between a failed attempt and the next. */
const RETRY_MS = 20;

/** What contenders contend for, as one of them sees it. */
export interface Contest {
  /** How many notifications this contender has been sent. */
  readonly events: number;
  open(): Promise<void>;
  /** Decides what to ask for; all that follows is about that, until the next draw. */
  draw(): void;
  /** The name of asking for it. */
  readonly operation: string;
  readonly waiting: WaitingWords;
  /** Resolves when it is granted. */
  acquire(): Promise<void>;
  /** Judges the grant; from here on this contender counts as a holder. */
  enter(turns: ActorTurns, grantedMicros: number): void;
  /** Called before the release is sent, so that the next holder cannot be granted it while this one still counts. */
  leave(): void;
  release(): Promise<void>;
  /** Ends the hold in another way than by a release; false where it is to be released. */
  lose?(turns: ActorTurns): Promise<boolean>;
  close(): Promise<void>;
}

/** Acquires, holds for `holdMicros`, releases, and begins again. */
export class Contender implements Actor {
  private readonly connection: number;
  private readonly contest: Contest;
  private readonly holdMicros: number;
  private eventsSeen = 0;

  constructor({ index }: Stage, contest: Contest, holdMicros: number) {
    this.connection = index;
    this.contest = contest;
    this.holdMicros = holdMicros;
  }

  async open(): Promise<void> {
    await this.contest.open();
  }

  async act(turns: ActorTurns): Promise<void> {
    const { contest } = this;
    while (!turns.over) {
      contest.draw();
      const attempt = turns.begin(contest.operation);
      contest.waiting.add(1);
      try {
        await contest.acquire();
      } catch (error) {
        contest.waiting.add(-1);
        turns.failed(attempt, error);
        await turns.pause(RETRY_MS);
        continue;
      }
      const grantedMicros = nowMicros();
      contest.waiting.add(-1);
      // Granted after the round was given up: closing the session releases it.
      if (turns.givenUp) return;
      turns.succeeded(attempt);
      turns.add("acquisitions", 1);
      turns.add("events", contest.events - this.eventsSeen);
      this.eventsSeen = contest.events;
      const release = contest.waiting.take();
      if (release !== undefined) this.taken(turns, release, grantedMicros);
      contest.enter(turns, grantedMicros);
      // Held for a turn of the event loop at the least: a second holder must find it held.
      if (this.holdMicros > 0) await sleep(this.holdMicros / 1_000);
      else await turn();
      if (await contest.lose?.(turns)) continue;
      await this.release(turns);
    }
  }

  async close(): Promise<void> {
    await this.contest.close();
  }

  /** Of what others waited for, what its last holder takes again was not handed over. */
  private taken(turns: ActorTurns, { micros, giver }: Release, grantedMicros: number): void {
    turns.add("releases-waited-for", 1);
    if (giver === this.connection) turns.add("taken-again", 1);
    else turns.record("hand-over", micros, grantedMicros);
  }

  private async release(turns: ActorTurns): Promise<void> {
    const { contest } = this;
    const attempt = turns.begin("release");
    contest.waiting.give(this.connection, attempt.startedMicros);
    contest.leave();
    try {
      await contest.release();
      turns.succeeded(attempt);
    } catch (error) {
      turns.failed(attempt, error);
    }
  }
}
