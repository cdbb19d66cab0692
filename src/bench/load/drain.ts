const DRAIN_MS_MAX = 10_000;

/** How long answers may take after the end of a round, before they count as never given. */
export function drainMsOf(sessionTimeoutMs: number): number {
  return Math.min(DRAIN_MS_MAX, sessionTimeoutMs);
}
