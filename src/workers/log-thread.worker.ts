import { parentPort, workerData } from "node:worker_threads";
import { LogFile } from "../server/storage/log-file.js";
import {
  CONTROL,
  type LogThreadMessage,
  type LogThreadStart,
  MARK,
  MARK_KIND,
  MARK_WORDS,
  MARKS_MAX,
  RING_BYTES,
  STATISTIC,
  timedSync,
} from "./log-thread.messages.js";

const { options, memory } = workerData as LogThreadStart;
const { control, marks, ring, statistics } = memory;
const file = new LogFile(options, memory.file);

/** Where in the ring the next byte lies. */
let ringAt = 0;
/** Bytes taken from the marks and not yet written. */
let gathered = 0;
let gatheredFirstZxid = 0;

function send(message: LogThreadMessage): void {
  parentPort?.postMessage(message);
}

function writeGathered(): void {
  if (gathered === 0) return;
  const end = ringAt + gathered;
  const pieces =
    end <= RING_BYTES ? [ring.subarray(ringAt, end)] : [ring.subarray(ringAt), ring.subarray(0, end - RING_BYTES)];
  file.append(pieces, gatheredFirstZxid);
  statistics[STATISTIC.bytes] = (statistics[STATISTIC.bytes] as number) + gathered;
  ringAt = end % RING_BYTES;
  gathered = 0;
}

/** Carries out every mark up to `submitted` with one sync at the end. Returns false when the thread is to end. */
function carryOut(completed: number, submitted: number): boolean {
  for (let mark = completed; mark !== submitted; mark = (mark + 1) | 0) {
    const at = (mark & (MARKS_MAX - 1)) * MARK_WORDS;
    const kind = marks[at + MARK.kind];
    if (kind === MARK_KIND.roll) {
      writeGathered();
      file.roll();
    } else if (kind === MARK_KIND.close) {
      writeGathered();
      file.close();
      return false;
    } else {
      if (gathered === 0) gatheredFirstZxid = marks[at + MARK.firstZxid] as number;
      gathered += marks[at + MARK.bytes] as number;
    }
  }
  writeGathered();
  timedSync(file, statistics);
  return true;
}

// Self-clocked group commit: whatever was handed over during one sync is written and synced together in the next.
// The thread sleeps in Atomics.wait, not in an event loop: it has nothing else to do, and wakes up faster.
function run(): void {
  for (let completed = 0, running = true; running; ) {
    Atomics.wait(control, CONTROL.submitted, completed);
    const submitted = Atomics.load(control, CONTROL.submitted);
    running = carryOut(completed, submitted);
    completed = submitted;
    Atomics.store(control, CONTROL.completed, completed);
    send("completed");
  }
}

try {
  run();
} catch (error) {
  // Nothing is retried: a sync that failed once may succeed the next time without having stored a thing.
  send({ failed: (error as Error).message, code: (error as NodeJS.ErrnoException).code });
}
