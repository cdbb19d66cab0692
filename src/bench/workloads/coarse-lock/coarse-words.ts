import { assert } from "../../../base/assert.js";
import type { SharedRegion } from "../../../workers/load-shared.js";
import { wholeLines } from "../contention/cache-lines.js";

const SEQUENCE = 0;
const LOSS_AWAITED = 1;
const LOST_AT = 1;
const CURRENT_LENGTH = 4;
const ENDED_LENGTH = 5;
const HEADER_WORDS = wholeLines(6);
const SEQUENCER_BYTES_MAX = 1_024;
const SEQUENCER_WORDS = SEQUENCER_BYTES_MAX / 4;
/** Words of one lock. */
export const COARSE_LOCK_WORDS = HEADER_WORDS + 2 * SEQUENCER_WORDS;

/** What there is to verify while one holder holds. */
export interface Exhibits {
  readonly sequence: number;
  /** Of the holder. */
  readonly current: string;
  /** Of the one before it, "" for none. */
  readonly ended: string;
}

/**
 * What holders of one lock show to third parties. The sequence is odd while someone holds; all else is written by the
 * next holder while it is even.
 */
export class CoarseLockWords {
  private readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly at: number;
  private readonly current: Buffer;
  private readonly ended: Buffer;

  /** `at` is the first word, of a whole cache line. */
  constructor(region: SharedRegion, at: number) {
    this.words = region.words;
    this.longs = region.longs;
    this.at = at;
    const bytesAt = region.words.byteOffset + (at + HEADER_WORDS) * 4;
    this.current = Buffer.from(region.words.buffer, bytesAt, SEQUENCER_BYTES_MAX);
    this.ended = Buffer.from(region.words.buffer, bytesAt + SEQUENCER_BYTES_MAX, SEQUENCER_BYTES_MAX);
  }

  /** The holder shows its sequencer; that of the one before it becomes one that has ended. */
  show(sequencer: string): void {
    const bytes = Buffer.from(sequencer);
    assert(bytes.length <= SEQUENCER_BYTES_MAX, "a sequencer fits into the words set aside for it");
    this.current.copy(this.ended);
    this.words[this.at + ENDED_LENGTH] = this.words[this.at + CURRENT_LENGTH] as number;
    bytes.copy(this.current);
    this.words[this.at + CURRENT_LENGTH] = bytes.length;
    Atomics.add(this.words, this.at + SEQUENCE, 1);
  }

  /** The holder is about to give up, or to lose, the lock. */
  withdraw(): void {
    Atomics.add(this.words, this.at + SEQUENCE, 1);
  }

  /** Undefined while nobody certainly holds. */
  look(): Exhibits | undefined {
    const sequence = Atomics.load(this.words, this.at + SEQUENCE);
    if (sequence % 2 === 0) return undefined;
    const text = (bytes: Buffer, length: number): string =>
      bytes.toString("utf8", 0, this.words[this.at + length] as number);
    const current = text(this.current, CURRENT_LENGTH);
    const ended = text(this.ended, ENDED_LENGTH);
    return this.isStill(sequence) ? { sequence, current, ended } : undefined;
  }

  /** True where one and the same holder has held from the look until now. */
  isStill(sequence: number): boolean {
    return Atomics.load(this.words, this.at + SEQUENCE) === sequence;
  }

  /** The holder is lost from here on; `awaited`: someone waits for the lock. */
  lose(nowMicros: number, awaited: boolean): void {
    Atomics.store(this.words, this.at + LOSS_AWAITED, awaited ? 1 : 0);
    Atomics.store(this.longs, this.at / 2 + LOST_AT, BigInt(Math.round(nowMicros)));
  }

  /** When the holder before this grant was lost, 0 where it released; told once. */
  takeLoss(): { readonly atMicros: number; readonly awaited: boolean } {
    const awaited = Atomics.load(this.words, this.at + LOSS_AWAITED) === 1;
    return { atMicros: Number(Atomics.exchange(this.longs, this.at / 2 + LOST_AT, 0n)), awaited };
  }
}
