import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActorTurns, Attempt, Stage } from "../../../src/bench/workloads/actor.js";
import { Contender, type Contest } from "../../../src/bench/workloads/contention/contender.js";
import { WaitingWords, waitingWords } from "../../../src/bench/workloads/contention/waiting-words.js";
import { LoadShared } from "../../../src/workers/load-shared.js";

/** Notes what is recorded and counted; over as soon as `rounds` of it are released. */
class NotedTurns implements ActorTurns {
  over = false;
  readonly givenUp = false;
  readonly recorded: string[] = [];
  readonly figures: Record<string, number> = {};
  private left: number;

  constructor(rounds: number) {
    this.left = rounds;
  }

  begin(operation: string): Attempt {
    return { operation, startedMicros: 1 };
  }

  succeeded({ operation }: Attempt): number {
    if (operation === "release" && --this.left === 0) this.over = true;
    return 0;
  }

  failed(_attempt: Attempt, error: unknown): void {
    throw error;
  }

  record(operation: string): void {
    this.recorded.push(operation);
  }

  add(figure: string, amount: number): void {
    this.figures[figure] = (this.figures[figure] ?? 0) + amount;
  }

  dropped(): void {}
  async leadIn(): Promise<void> {}
  async pause(): Promise<void> {}
}

/** Granted whenever it is asked for. */
function contestOver(waiting: WaitingWords): Contest {
  const nothing = async (): Promise<void> => undefined;
  return {
    ...{ events: 0, operation: "acquire", waiting, draw: () => undefined, enter: () => undefined },
    ...{ leave: () => undefined, open: nothing, acquire: nothing, release: nothing, close: nothing },
  };
}

test("what its holder takes again before those that wait is no hand-over, and is counted apart", async () => {
  const waiting = new WaitingWords(new LoadShared(1, waitingWords(1)).region, 0, 1);
  const play = async (index: number, rounds: number): Promise<NotedTurns> => {
    const turns = new NotedTurns(rounds);
    await new Contender({ index } as Stage, contestOver(waiting), 0).act(turns);
    return turns;
  };
  // Somebody waits throughout, as on a target without a queue, and gets nothing.
  waiting.add(1);
  const first = await play(0, 4);
  assert.deepEqual(first.recorded, []);
  assert.deepEqual(first.figures, { acquisitions: 4, events: 0, "releases-waited-for": 3, "taken-again": 3 });
  const second = await play(1, 1);
  assert.deepEqual(second.recorded, ["hand-over"]);
  assert.deepEqual(second.figures, { acquisitions: 1, events: 0, "releases-waited-for": 1 });
});
