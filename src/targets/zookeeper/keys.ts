// Names of the keys of a load: fixed width, so that a number can be written into a frame encoded before.

export const KEY_DIGITS = 8;
export const KEYS_MAX = 10 ** KEY_DIGITS;

export function keyPath(root: string, key: number): string {
  return `${root}/k${String(key).padStart(KEY_DIGITS, "0")}`;
}

/** Writes the decimal digits of `value` so that the last of `digits` stands before `end`. */
export function patchDigits(bytes: Buffer, end: number, digits: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at--) {
    const tens = Math.floor(rest / 10);
    bytes[at] = 0x30 + (rest - tens * 10);
    rest = tens;
  }
}
