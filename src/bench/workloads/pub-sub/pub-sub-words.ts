import type { SharedRegion } from "../../../workers/load-shared.js";
import type { PubSubWorkload } from "../../profile/profile.js";
import type { Announcement } from "../announcement.js";
import { CastWords, castWords } from "../cast-words.js";
import { SharedLong } from "../longs.js";

/** What publishers and subscribers know together: each publisher has an announcement for each message under way. */
export class PubSubWords {
  readonly cast: CastWords;
  private readonly window: number;
  private readonly publishedAt: number;
  private readonly region: SharedRegion;

  constructor(region: SharedRegion, subscribers: number, { publishers, window }: PubSubWorkload) {
    this.region = region;
    this.window = window;
    this.cast = new CastWords(region, { announcers: publishers, listeners: subscribers });
    this.publishedAt = castWords(publishers * window) / 2;
  }

  /** Of message number `sequence`, and of the one `window` before it, which all have by then. */
  message(publisher: number, sequence: number): Announcement {
    return this.cast.announcement(publisher * this.window + (sequence % this.window));
  }

  /** The last message of the publisher that was acknowledged, from 1. */
  published(publisher: number): SharedLong {
    return new SharedLong(this.region, this.publishedAt + publisher);
  }
}

/** 32-bit words of `PubSubWords`. */
export function pubSubWords({ publishers, window }: PubSubWorkload): number {
  return castWords(publishers * window) + publishers * 2;
}

/** Topics that somebody subscribes to: connection c subscribes to topic c modulo their number, publishers likewise. */
export function topicsOf(subscribers: number, { topics }: PubSubWorkload): number {
  return Math.min(topics, subscribers);
}

/** How many subscribe to the topic. */
export function subscribersOf(topic: number, topics: number, subscribers: number): number {
  return Math.floor((subscribers - topic - 1) / topics) + 1;
}
