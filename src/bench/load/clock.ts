/**
 * Microseconds of the system's monotonic clock, the same in every thread: `performance.now()` alone counts from another
 * origin in each of them. No allocation, so it can be asked per operation.
 */
export function nowMicros(): number {
  return monotonicMicros(performance.now());
}

/** The same for a reading of this thread's `performance.now`, in milliseconds. */
export function monotonicMicros(performanceMs: number): number {
  return performanceMs * 1_000 + OFFSET_MICROS;
}

const OFFSET_MICROS = measureOffsetMicros();

/** The smallest of several differences: a preemption between the two readings only ever makes it larger. */
function measureOffsetMicros(): number {
  let offset = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 32; sample++) {
    const relative = performance.now() * 1_000;
    const [seconds, nanos] = process.hrtime();
    offset = Math.min(offset, seconds * 1e6 + nanos / 1e3 - relative);
  }
  return offset;
}
