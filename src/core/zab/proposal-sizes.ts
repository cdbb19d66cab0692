/** What upstream shows where nothing was proposed yet. */
const NONE = -1;

/** Bytes of the transactions that a leader has proposed since it leads, or since the last reset (upstream: BufferStats). */
export class ProposalSizes {
  last = NONE;
  min = NONE;
  max = NONE;

  record(bytes: number): void {
    this.last = bytes;
    if (this.min === NONE || bytes < this.min) this.min = bytes;
    if (bytes > this.max) this.max = bytes;
  }

  reset(): void {
    this.last = NONE;
    this.min = NONE;
    this.max = NONE;
  }
}
