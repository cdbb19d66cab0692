import type { SharedRegion } from "../../../workers/load-shared.js";
import { CastWords, castWords } from "../cast-words.js";
import { SharedLong } from "../longs.js";
import type { WatchPlan } from "./watch-plan.js";

/** 32-bit words that changers and watchers share. */
export function watchWords({ changers, groups }: Pick<WatchPlan, "changers" | "groups">): number {
  return castWords(changers) + groups * 2;
}

/** What changers and watchers know together. */
export class WatchWords extends CastWords {
  private readonly standings: (group: number) => SharedLong;

  constructor(region: SharedRegion, { watchers, changers }: Pick<WatchPlan, "watchers" | "changers">) {
    super(region, { announcers: changers, listeners: watchers });
    this.standings = (group) => new SharedLong(region, castWords(changers) / 2 + group);
  }

  /** Where the last change of the group stands in history: 0 before the first, -1 where that is not known. */
  standing(group: number): SharedLong {
    return this.standings(group);
  }
}
