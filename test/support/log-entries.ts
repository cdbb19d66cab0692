import { ByteWriter } from "../../src/base/bytes.js";
import type { Zxid } from "../../src/base/zxid.js";
import { beginEntry, endEntry } from "../../src/core/log/log-format.js";
import { writeTransaction, writeTxnHeader } from "../../src/core/log/transactions.js";
import { OP } from "../../src/jute/opcodes.js";

/** One framed log entry for each zxid: a setData of /a whose version is the zxid and whose value has `dataBytes` bytes. */
export function framedEntries(zxids: readonly Zxid[], dataBytes = 20): Buffer {
  const writer = new ByteWriter();
  for (const zxid of zxids) {
    const start = beginEntry(writer);
    writeTxnHeader(writer, 0x100, 7, zxid % 2 ** 31, zxid, 1_700_000_000_000, OP.setData);
    writeTransaction(writer, {
      type: OP.setData,
      path: "/a",
      data: Buffer.alloc(dataBytes, zxid),
      version: zxid % 2 ** 31,
    });
    endEntry(writer, start);
  }
  return writer.copy();
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
