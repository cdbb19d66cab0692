/** How many windows in a row must agree. */
export const STEADY_WINDOWS = 3;

/**
 * True where the last windows all did something and lie within `band` (a share) of their mean. A window's figure is its
 * throughput in a closed loop, and its mean latency in an open one, whose throughput is given by the schedule.
 */
export function isSteady(windows: readonly number[], band: number): boolean {
  if (windows.length < STEADY_WINDOWS) return false;
  const last = windows.slice(-STEADY_WINDOWS);
  const mean = last.reduce((sum, figure) => sum + figure, 0) / STEADY_WINDOWS;
  return last.every((figure) => figure > 0 && Math.abs(figure - mean) <= band * mean);
}

/** A second, and shorter where the whole warm-up is short, so that enough windows fit in. */
export function warmUpWindowMicros(maxMicros: number): number {
  return Math.min(1_000_000, Math.max(50_000, maxMicros / (2 * STEADY_WINDOWS)));
}
