/**
 * The Huffman code of RFC 7541, appendix B. It is canonical: the codes of one length are consecutive, in the order of
 * their symbols, so the lengths say everything. Index is the octet; 256 is EOS.
 */
const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
];
const EOS = 256;
const BITS_MAX = 30;

/** By code length: the first code, and where its symbol stands in `SYMBOLS`. */
const FIRST_CODE = new Uint32Array(BITS_MAX + 2);
const FIRST_INDEX = new Uint16Array(BITS_MAX + 2);
const SYMBOLS = new Uint16Array(CODE_BITS.length);
const CODES = new Uint32Array(CODE_BITS.length);

let nextCode = 0;
let nextIndex = 0;
for (let bits = 1; bits <= BITS_MAX; bits++) {
  nextCode *= 2;
  FIRST_CODE[bits] = nextCode;
  FIRST_INDEX[bits] = nextIndex;
  CODE_BITS.forEach((length, symbol) => {
    if (length !== bits) return;
    SYMBOLS[nextIndex++] = symbol;
    CODES[symbol] = nextCode++;
  });
}
FIRST_INDEX[BITS_MAX + 1] = nextIndex;

/** Undefined for what RFC 7541 section 5.2 forbids: EOS, padding over 7 bits or not of ones. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  let text = "";
  let code = 0;
  let bits = 0;
  for (let at = start; at < end; at++) {
    const octet = bytes[at] as number;
    for (let shift = 7; shift >= 0; shift--) {
      code = code * 2 + ((octet >> shift) & 1);
      bits++;
      if (bits > BITS_MAX) return undefined;
      const index = (FIRST_INDEX[bits] as number) + code - (FIRST_CODE[bits] as number);
      if (code < (FIRST_CODE[bits] as number) || index >= (FIRST_INDEX[bits + 1] as number)) continue;
      const symbol = SYMBOLS[index] as number;
      if (symbol === EOS) return undefined;
      text += String.fromCharCode(symbol);
      code = 0;
      bits = 0;
    }
  }
  return bits < 8 && code === 2 ** bits - 1 ? text : undefined;
}

export function huffmanBytes(text: string): number {
  let bits = 0;
  for (let index = 0; index < text.length; index++) bits += CODE_BITS[text.charCodeAt(index)] as number;
  return Math.ceil(bits / 8);
}

/** `text` holds octets (U+0000 to U+00FF); `huffmanBytes(text)` bytes are written at `at`. */
export function encodeHuffman(text: string, bytes: Buffer, at: number): void {
  let to = at;
  let waiting = 0;
  let waitingBits = 0;
  const put = (code: number, bits: number): void => {
    for (let shift = bits - 1; shift >= 0; shift--) {
      waiting = (waiting << 1) | ((code >>> shift) & 1);
      if (++waitingBits === 8) {
        bytes[to++] = waiting;
        waiting = 0;
        waitingBits = 0;
      }
    }
  };
  for (let index = 0; index < text.length; index++) {
    const symbol = text.charCodeAt(index);
    put(CODES[symbol] as number, CODE_BITS[symbol] as number);
  }
  if (waitingBits > 0) put(0x7f, 8 - waitingBits);
}
