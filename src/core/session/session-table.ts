/** The global sessions, as transactions made them: id to timeout in milliseconds. What snapshots hold. */
export class SessionTable {
  private readonly timeouts = new Map<bigint, number>();

  get count(): number {
    return this.timeouts.size;
  }

  put(id: bigint, timeoutMs: number): void {
    this.timeouts.set(id, timeoutMs);
  }

  delete(id: bigint): void {
    this.timeouts.delete(id);
  }

  timeoutMs(id: bigint): number | undefined {
    return this.timeouts.get(id);
  }

  entries(): Iterable<[bigint, number]> {
    return this.timeouts;
  }
}
