// CRC-32 (ISO 3309, as in zip and in the tree digest) and Adler-32 (RFC 1950, as in log and snapshot files), both over a
// range of bytes and both resumable: pass the value so far to go on from it.

const CRC_POLYNOMIAL_REFLECTED = 0xedb8_8320;

/**
 * Slicing-by-8: table k holds the CRC of a byte followed by k zero bytes, so eight bytes cost eight independent look-ups
 * in place of a chain of eight.
 */
const CRC_TABLES = buildCrcTables();

function buildCrcTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ CRC_POLYNOMIAL_REFLECTED : crc >>> 1;
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] as number;
    tables[index] = (shorter >>> 8) ^ (tables[shorter & 0xff] as number);
  }
  return tables;
}

/** The CRC-32 of `bytes[start, end)` as an unsigned 32-bit integer; `crc` is that of the bytes before them. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, crc = 0): number {
  const tables = CRC_TABLES;
  let state = ~crc;
  let at = start;
  for (const eights = end - 7; at < eights; at += 8) {
    const low =
      state ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    state =
      (tables[1792 + (low & 0xff)] as number) ^
      (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (bytes[at + 4] as number)] as number) ^
      (tables[512 + (bytes[at + 5] as number)] as number) ^
      (tables[256 + (bytes[at + 6] as number)] as number) ^
      (tables[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) state = (tables[(state ^ (bytes[at] as number)) & 0xff] as number) ^ (state >>> 8);
  return ~state >>> 0;
}

/** The CRC-32 of a string's UTF-8 where that is plain ASCII, without encoding it; undefined where it is not. */
export function crc32OfAscii(text: string): number | undefined {
  const tables = CRC_TABLES;
  let state = -1;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) return undefined;
    state = (tables[(state ^ unit) & 0xff] as number) ^ (state >>> 8);
  }
  return ~state >>> 0;
}

/** The largest prime below 2^16. */
const ADLER_MODULUS = 65_521;
/** So many bytes can be summed before the second sum exceeds 2^31 - 1 (zlib's 5552 is for unsigned 32 bits). */
const ADLER_BLOCK_BYTES = 3_800;

/** The Adler-32 of `bytes[start, end)` as an unsigned 32-bit integer; `adler` is that of the bytes before them. */
export function adler32(bytes: Uint8Array, start = 0, end = bytes.length, adler = 1): number {
  let low = adler & 0xffff;
  let high = adler >>> 16;
  for (let at = start; at < end; ) {
    const blockEnd = Math.min(at + ADLER_BLOCK_BYTES, end);
    for (const fours = blockEnd - 3; at < fours; at += 4) {
      const first = bytes[at] as number;
      const second = first + (bytes[at + 1] as number);
      const third = second + (bytes[at + 2] as number);
      const fourth = third + (bytes[at + 3] as number);
      high += 4 * low + first + second + third + fourth;
      low += fourth;
    }
    for (; at < blockEnd; at++) {
      low += bytes[at] as number;
      high += low;
    }
    low %= ADLER_MODULUS;
    high %= ADLER_MODULUS;
  }
  return ((high << 16) | low) >>> 0;
}
