import { readFileSync } from "node:fs";

/** CPU the calling thread has used, in microseconds; the event loop's active time where the system does not tell. */
export function threadCpuMicros(): number {
  try {
    // Read synchronously, so by this very thread: `thread-self` is the reader. The first field is nanoseconds on a CPU.
    return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ", 1)[0]) / 1_000;
  } catch {
    return performance.eventLoopUtilization().active * 1_000;
  }
}
