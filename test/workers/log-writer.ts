import { writeSync } from "node:fs";
import { openStorageFolders } from "../../src/server/storage/folders.js";
import { recover } from "../../src/server/storage/recovery.js";
import { openLogAppender } from "../../src/workers/log-thread.js";
import { framedEntries } from "../support/log-entries.js";

// A server reduced to its log: `node log-writer.js <folder> <count> <bytes> <microseconds> <preallocated>` recovers the folder, prints
// `recovered <zxid>`, appends transactions one by one, prints each that is durable, and ends as a server has to.
const [folder = "", count, dataBytes, inlineSyncMicrosMax, preAllocBytes] = process.argv.slice(2);
const folders = openStorageFolders(folder);
const ignore = (): void => undefined;
const { lastZxid } = recover(
  folders,
  { clear: ignore, session: ignore, acl: ignore, load: ignore, apply: ignore },
  { trustEmptySnapshot: true, notice: (text) => process.stderr.write(`${text}\n`) },
);
writeSync(1, `recovered ${lastZxid}\n`);
const last = lastZxid + Number(count);
let next = lastZxid + 1;
const log = openLogAppender({
  folder: folders.logs,
  preAllocBytes: Number(preAllocBytes),
  sizeLimitBytes: 0,
  forceSync: true,
  inlineSyncMicrosMax: Number(inlineSyncMicrosMax),
  onSynced: (zxid) => {
    writeSync(1, `${zxid}\n`);
    if (zxid === last) void log.close();
    else setImmediate(appendNext);
  },
  onFatal: (error) => {
    process.stderr.write(`fatal: ${error.message}\n`);
    process.exit(1);
  },
});

function appendNext(): void {
  log.append(framedEntries([next], Number(dataBytes)), next, true);
  next++;
}

appendNext();
