import type { SharedRegion } from "../../workers/load-shared.js";
import { ANNOUNCEMENT_WORDS, Announcement } from "./announcement.js";

const DONE = 0;
const DOUBT = 1;
const READY = 2;
/** A cache line before the announcements. */
const HEAD_WORDS = ANNOUNCEMENT_WORDS;

/** How many connections announce, and how many are told. */
export interface Cast {
  readonly announcers: number;
  readonly listeners: number;
}

/** 32-bit words of a cast. */
export function castWords(announcers: number): number {
  return HEAD_WORDS + announcers * ANNOUNCEMENT_WORDS;
}

/** What announcers and listeners know together. */
export class CastWords {
  private readonly region: SharedRegion;
  private readonly cast: Cast;

  constructor(region: SharedRegion, cast: Cast) {
    this.region = region;
    this.cast = cast;
  }

  /** Of one announcer. */
  announcement(announcer: number): Announcement {
    return new Announcement(this.region, 1 + announcer);
  }

  announcements(): readonly Announcement[] {
    return Array.from({ length: this.cast.announcers }, (_, announcer) => this.announcement(announcer));
  }

  /** It is not known of something that was announced whether it happened. */
  doubt(): void {
    Atomics.store(this.region.words, DOUBT, 1);
  }

  get doubtful(): boolean {
    return Atomics.load(this.region.words, DOUBT) === 1;
  }

  /** One listener records what it is told from now on. */
  beReady(): void {
    this.count(READY);
  }

  /** Resolves once all listeners are ready. */
  async allReady(): Promise<void> {
    await this.reached(READY, this.cast.listeners);
  }

  /** One announcer announces no more: every listener has been told of all there was, or never will be. */
  finish(): void {
    this.count(DONE);
  }

  /** Resolves once all announcers have finished. */
  async finished(): Promise<void> {
    await this.reached(DONE, this.cast.announcers);
  }

  private count(at: typeof DONE | typeof READY): void {
    Atomics.add(this.region.words, at, 1);
    Atomics.notify(this.region.words, at);
  }

  private async reached(at: typeof DONE | typeof READY, count: number): Promise<void> {
    const { words } = this.region;
    for (let now = Atomics.load(words, at); now < count; now = Atomics.load(words, at)) {
      await Atomics.waitAsync(words, at, now).value;
    }
  }
}
