/** How many windows in a row must agree. */
export const STEADY_WINDOWS = 3;

/** One window of a warm-up. */
export interface WarmUpWindow {
  readonly opsPerSecond: number;
  readonly meanLatencyMicros: number;
}

/** True where the last windows all did something and lie within `band` (a share) of their mean. */
export function isSteady(opsPerSecond: readonly number[], band: number): boolean {
  if (opsPerSecond.length < STEADY_WINDOWS) return false;
  const last = opsPerSecond.slice(-STEADY_WINDOWS);
  const mean = last.reduce((sum, figure) => sum + figure, 0) / STEADY_WINDOWS;
  return last.every((figure) => figure > 0 && Math.abs(figure - mean) <= band * mean);
}

/**
 * True where the median latency of the last windows is below that of the windows before them by more than twice `band`: a
 * target that is still warming. Noise goes both ways and warming one, so that latencies need not lie within a band.
 */
export function isImproving(meanLatencies: readonly number[], band: number): boolean {
  if (meanLatencies.length < 2 * STEADY_WINDOWS) return true;
  const last = median(meanLatencies.slice(-STEADY_WINDOWS));
  const before = median(meanLatencies.slice(-2 * STEADY_WINDOWS, -STEADY_WINDOWS));
  return last < (1 - 2 * band) * before;
}

/** In an open loop the schedule gives the throughput, so a target is warm only when its latency falls no more, too. */
export function isWarm(windows: readonly WarmUpWindow[], loop: "closed" | "open", band: number): boolean {
  const steady = isSteady(
    windows.map((window) => window.opsPerSecond),
    band,
  );
  if (loop === "closed" || !steady) return steady;
  return !isImproving(
    windows.map((window) => window.meanLatencyMicros),
    band,
  );
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** A second, and shorter where the whole warm-up is short, so that enough windows fit in. */
export function warmUpWindowMicros(maxMicros: number): number {
  return Math.min(1_000_000, Math.max(50_000, maxMicros / (2 * STEADY_WINDOWS)));
}
