import { nowMicros } from "../../load/clock.js";
import type { Tally } from "../../load/tally.js";
import type { ActorTurns, Stage } from "../actor.js";
import { Bell } from "../bell.js";
import type { ElectionWords } from "./election-words.js";

/** How often it is looked whether a leader has made its election known. */
const LOOK_MS = 1;

/**
 * When one candidate came to know of each election. It may be told of a leader before that one knows it itself: the
 * election is recorded once it is published, with the time it was heard of. Of terms that were over before it was told,
 * it knows when it is told of a later one.
 */
export class LeaderLog {
  private readonly stage: Stage;
  private readonly words: ElectionWords;
  private readonly terms: Tally;
  private readonly bell = new Bell();
  /** Heard of and not yet found among the elections, in the order heard. */
  private pending: { readonly term: number; readonly atMicros: number }[] = [];
  private lastHeard = 0;
  private recorded = 0;

  constructor(stage: Stage, words: ElectionWords, terms: Tally) {
    this.stage = stage;
    this.words = words;
    this.terms = terms;
  }

  heard(term: number): void {
    this.terms.observations++;
    if (term <= this.lastHeard) {
      this.terms.violated(`candidate ${this.stage.index} was told of term ${term} after term ${this.lastHeard}`);
    }
    this.lastHeard = Math.max(term, this.lastHeard);
    this.pending.push({ term, atMicros: nowMicros() });
    this.bell.ring();
  }

  /** Records until the round is over. */
  async run(turns: ActorTurns): Promise<void> {
    while (!turns.over) {
      await this.bell.heard(turns, this.pending.length > 0 ? LOOK_MS : undefined);
      this.record(turns);
    }
  }

  private record(turns: ActorTurns): void {
    for (; this.recorded < this.words.elections; this.recorded++) {
      const { term, endedMicros, known, lastHeardAt } = this.words.election(this.recorded);
      const news = this.pending.find((each) => each.term >= term);
      if (news === undefined) break;
      lastHeardAt.raise(news.atMicros);
      const all = known.add(1) === this.stage.job.connections;
      if (endedMicros === 0) continue;
      turns.record("learn", endedMicros, news.atMicros);
      if (all) turns.record("learn-last", endedMicros, lastHeardAt.value);
    }
    const last = this.recorded === 0 ? 0 : this.words.election(this.recorded - 1).term;
    this.pending = this.pending.filter((each) => each.term > last);
  }
}
