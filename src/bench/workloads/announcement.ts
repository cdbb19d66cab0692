import type { SharedRegion } from "../../workers/load-shared.js";
import type { ActorTurns } from "./actor.js";

/** A cache line, so that announcements do not disturb each other. */
export const ANNOUNCEMENT_WORDS = 16;
const ARRIVED = 0;
const DELIVERED = 1;
/** Behind the longs. */
const ACKNOWLEDGED = 6;
const RETURNS = 7;
const DOUBT = 8;
/** Longs. */
const SUBJECT = 1;
const STARTED = 2;

const WAITING = 0;
const ALL_TOLD = 1;
const GIVEN_UP = 2;

/**
 * Something that one connection does and others are told of by the service, whichever load workers they live in. Who
 * announces begins the next one only when all have been told, or is not sure of them any more.
 */
export class Announcement {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly longAt: number;

  /** Takes `ANNOUNCEMENT_WORDS` of the region, from those of number `index` on. */
  constructor(region: SharedRegion, index: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.at = index * ANNOUNCEMENT_WORDS;
    this.longAt = this.at / 2;
  }

  /** Before what is announced is sent, so that nobody can be told of it earlier. Subjects are from 0 to 2^53 - 2. */
  begin(subject: number, startedMicros: number): void {
    Atomics.store(this.words, this.at + ARRIVED, 0);
    Atomics.store(this.words, this.at + DELIVERED, WAITING);
    Atomics.store(this.words, this.at + ACKNOWLEDGED, 0);
    Atomics.store(this.longs, this.longAt + STARTED, BigInt(Math.round(startedMicros)));
    // Last: who reads the subject finds the rest in place.
    Atomics.store(this.longs, this.longAt + SUBJECT, BigInt(subject) + 1n);
  }

  /** -1 before the first. */
  get subject(): number {
    return Number(Atomics.load(this.longs, this.longAt + SUBJECT)) - 1;
  }

  get startedMicros(): number {
    return Number(Atomics.load(this.longs, this.longAt + STARTED));
  }

  /** By who announces: it has happened, so that from now on everybody can be told of it. */
  acknowledge(): void {
    Atomics.store(this.words, this.at + ACKNOWLEDGED, 1);
  }

  get acknowledged(): boolean {
    return Atomics.load(this.words, this.at + ACKNOWLEDGED) === 1;
  }

  /** By who announces, for good: something it left behind may still be there, or be gone already. */
  doubt(): void {
    Atomics.store(this.words, this.at + DOUBT, 1);
  }

  get doubtful(): boolean {
    return Atomics.load(this.words, this.at + DOUBT) === 1;
  }

  /** By who announces: what it announced is gone without it, and may be back at any time from now on. */
  comeBack(): void {
    Atomics.add(this.words, this.at + RETURNS, 1);
  }

  /** How often that has happened, of all it has announced. */
  get returns(): number {
    return Atomics.load(this.words, this.at + RETURNS);
  }

  /** Someone was told: returns how often that has happened, this time included. */
  arrive(): number {
    return Atomics.add(this.words, this.at + ARRIVED, 1) + 1;
  }

  get arrived(): number {
    return Atomics.load(this.words, this.at + ARRIVED);
  }

  /** The last one was told: wakes who announced it. */
  deliver(): void {
    this.settle(ALL_TOLD);
  }

  /** Who announced it waits no longer. */
  giveUp(): void {
    this.settle(GIVEN_UP);
  }

  /**
   * Waits until all have been told: true; or until `giveUp`: false. Without a timeout of its own: V8 keeps the timer of a
   * wait that ended, and tens of thousands of announcements a second would leave as many behind.
   */
  async delivered(): Promise<boolean> {
    await Atomics.waitAsync(this.words, this.at + DELIVERED, WAITING).value;
    return Atomics.load(this.words, this.at + DELIVERED) === ALL_TOLD;
  }

  private settle(state: typeof ALL_TOLD | typeof GIVEN_UP): void {
    Atomics.compareExchange(this.words, this.at + DELIVERED, WAITING, state);
    Atomics.notify(this.words, this.at + DELIVERED);
  }
}

const WATCHDOG_MS = 50;

/**
 * Waits until all have been told, as long as that takes: a slow target is no wrong one. False where the round is given up
 * before; that counts as `operation` UNANSWERED.
 */
export async function allTold(announcement: Announcement, turns: ActorTurns, operation: string): Promise<boolean> {
  const waiting = turns.begin(operation);
  const watchdog = setInterval(() => {
    if (turns.givenUp) announcement.giveUp();
  }, WATCHDOG_MS);
  try {
    return await announcement.delivered();
  } finally {
    clearInterval(watchdog);
    turns.dropped(waiting);
  }
}
