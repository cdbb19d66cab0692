import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteSource } from "../../core/log/byte-source.js";

/** Opens a file for reading, passes it to `use`, and closes it. */
export function withFile<T>(path: string, use: (source: ByteSource) => T): T {
  const descriptor = openSync(path, "r");
  try {
    return use({
      sizeBytes: fstatSync(descriptor).size,
      read: (position, target, count) => {
        let total = 0;
        while (total < count) {
          const got = readSync(descriptor, target, total, count - total, position + total);
          if (got === 0) break;
          total += got;
        }
        return total;
      },
    });
  } finally {
    closeSync(descriptor);
  }
}
