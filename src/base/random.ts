/** A source of randomness that is passed in, so that a run can be repeated from its seed. */
export interface RandomSource {
  /** Uniform over the unsigned 32-bit integers. */
  uint32(): number;
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded from two words through splitmix32. */
export class SeededRandom implements RandomSource {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = 0) {
    let state = (seed ^ Math.imul(stream, 0x9e37_79b9)) | 0;
    const next = (): number => {
      state = (state + 0x9e37_79b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
      return z ^ (z >>> 15);
    };
    this.a = next();
    this.b = next();
    this.c = next() ^ stream;
    for (let round = 0; round < 12; round++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** Uniform over [0, bound), by Lemire's multiply-and-shift; the bias is below bound / 2^32. */
export function randomBelow(source: RandomSource, bound: number): number {
  return Math.floor((source.uint32() / 2 ** 32) * bound);
}

/** Uniform over [0, 1), 53 bits. */
export function randomFraction(source: RandomSource): number {
  return ((source.uint32() >>> 5) * 2 ** 26 + (source.uint32() >>> 6)) / 2 ** 53;
}
