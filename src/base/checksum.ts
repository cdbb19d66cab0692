const ADLER_BASE = 65_521;
/** The most bytes whose sums stay below 2^32 without a reduction (zlib's NMAX). */
const ADLER_RUN_BYTES = 5_552;

/** Adler-32 (RFC 1950) of `bytes[start, end)`; `seed` is the checksum of what came before. */
export function adler32(bytes: Uint8Array, start = 0, end = bytes.length, seed = 1): number {
  let low = seed & 0xffff;
  let high = seed >>> 16;
  let at = start;
  while (at < end) {
    const runEnd = Math.min(at + ADLER_RUN_BYTES, end);
    while (at < runEnd) {
      low += bytes[at++] as number;
      high += low;
    }
    low %= ADLER_BASE;
    high %= ADLER_BASE;
  }
  return ((high << 16) | low) >>> 0;
}

const CRC_TABLE = new Int32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** CRC-32 (ISO-HDLC, as in zlib) of `bytes[start, end)`; `seed` is the checksum of what came before. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  let crc = ~seed;
  for (let at = start; at < end; at++) {
    crc = (CRC_TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
