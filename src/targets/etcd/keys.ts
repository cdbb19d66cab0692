import type { ByteWriter } from "../../base/bytes.js";

const DIGITS = 10;

/** Keys of one prefix and ten decimal digits: all of one length, and written without a string. */
export class NumberedKeys {
  private readonly prefix: Buffer;

  constructor(prefix: string) {
    this.prefix = Buffer.from(prefix, "utf8");
  }

  get lengthBytes(): number {
    return this.prefix.length + DIGITS;
  }

  write(writer: ByteWriter, number: number): void {
    writer.raw(this.prefix);
    const at = writer.reserve(DIGITS);
    let rest = number;
    for (let digit = DIGITS - 1; digit >= 0; digit--) {
      const quotient = Math.floor(rest / 10);
      writer.bytes[at + digit] = 48 + rest - quotient * 10;
      rest = quotient;
    }
  }

  key(number: number): Buffer {
    return Buffer.concat([this.prefix, Buffer.from(String(number).padStart(DIGITS, "0"))]);
  }
}

/** The values that are read, written and watched. */
export function valueKeys(root: string): NumberedKeys {
  return new NumberedKeys(`${root}/value/`);
}

/** New keys; `creator` tells apart who creates them. */
export function createdKeys(root: string, creator: string): NumberedKeys {
  return new NumberedKeys(`${root}/created/${creator}/`);
}

/** What the contenders' keys of one lock begin with. */
export function lockPrefix(root: string, lock: number): Buffer {
  return Buffer.concat([new NumberedKeys(`${root}/lock/`).key(lock), Buffer.from("/")]);
}

/** The end of the range of all keys with this prefix: the prefix with its last octet one up ('/' becomes '0'). */
export function prefixEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let last = end.length - 1; last >= 0; last--) {
    if (end[last] === 0xff) continue;
    end[last] = (end[last] as number) + 1;
    return end.subarray(0, last + 1);
  }
  return Buffer.from([0]);
}
