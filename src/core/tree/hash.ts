/**
 * HalfSipHash-1-3 over path bytes (Aumasson and Bernstein, "SipHash", 2012; the 32-bit variant with one round per word and
 * three at the end that the Linux kernel uses for its hash tables), keyed by 64 bits drawn per process.
 *
 * Paths are chosen by clients, so the hash must not be steerable. A seed that only enters the start value is not enough:
 * for murmur-like functions there are sets of inputs that collide whatever the seed (same authors). Here the key is in the
 * state that every word is mixed into, so colliding paths can only be found by whoever knows the key, and neither
 * the key nor a hash ever leaves the process. 32 bits of output are enough for a table: guessing blindly, one path in
 * (number of buckets) lands in a given bucket, as by chance.
 */
export function hashPath(key0: number, key1: number, bytes: Uint8Array, start: number, end: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = 0x6c79_6765 ^ key0;
  let v3 = 0x7465_6462 ^ key1;
  const length = end - start;
  const wordsEnd = start + (length & ~3);
  let at = start;
  let message = 0;
  for (let finalRounds = 0; ; ) {
    if (at < wordsEnd) {
      message =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      at += 4;
    } else if (finalRounds === 0) {
      message = length << 24;
      for (let shift = 0; at < end; at++, shift += 8) message |= (bytes[at] as number) << shift;
      finalRounds = 1;
    } else {
      if (finalRounds === 1) v2 ^= 0xff;
      if (finalRounds === 4) return v1 ^ v3;
      message = 0;
      finalRounds++;
    }
    v3 ^= message;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= message;
  }
}
