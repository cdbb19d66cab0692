import type { ItemId } from "./queue-words.js";

const PRODUCER = 0;
const NUMBER = 8;
const PUT_AT = 16;
const ITEM_BYTES_MIN = 24;

/** What a producer writes into an item, filled up to `valueBytes`. */
export function encodeItem({ producer, number }: ItemId, putMicros: number, valueBytes: number): Buffer {
  const bytes = Buffer.alloc(Math.max(ITEM_BYTES_MIN, valueBytes));
  bytes.writeDoubleLE(producer, PRODUCER);
  bytes.writeDoubleLE(number, NUMBER);
  bytes.writeDoubleLE(putMicros, PUT_AT);
  return bytes;
}

/** Undefined for what no producer wrote. */
export function decodeItem(bytes: Buffer | null): (ItemId & { readonly putMicros: number }) | undefined {
  if (bytes === null || bytes.length < ITEM_BYTES_MIN) return undefined;
  return {
    producer: bytes.readDoubleLE(PRODUCER),
    number: bytes.readDoubleLE(NUMBER),
    putMicros: bytes.readDoubleLE(PUT_AT),
  };
}
