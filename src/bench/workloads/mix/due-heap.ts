/** Connections by when each is due next, the earliest first: a binary heap over two flat arrays. */
export class DueHeap {
  private readonly dues: Float64Array;
  private readonly entries: Int32Array;
  private count = 0;

  constructor(capacity: number) {
    this.dues = new Float64Array(capacity);
    this.entries = new Int32Array(capacity);
  }

  get length(): number {
    return this.count;
  }

  /** Infinity where the heap is empty. */
  get earliestDue(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : (this.dues[0] as number);
  }

  push(entry: number, due: number): void {
    let at = this.count++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.dues[parent] as number) <= due) break;
      this.move(parent, at);
      at = parent;
    }
    this.dues[at] = due;
    this.entries[at] = entry;
  }

  /** Removes the earliest entry and returns it; the heap must not be empty. */
  pop(): number {
    const earliest = this.entries[0] as number;
    const last = --this.count;
    const due = this.dues[last] as number;
    const entry = this.entries[last] as number;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= last) break;
      if (child + 1 < last && (this.dues[child + 1] as number) < (this.dues[child] as number)) child++;
      if ((this.dues[child] as number) >= due) break;
      this.move(child, at);
      at = child;
    }
    this.dues[at] = due;
    this.entries[at] = entry;
    return earliest;
  }

  private move(from: number, to: number): void {
    this.dues[to] = this.dues[from] as number;
    this.entries[to] = this.entries[from] as number;
  }
}
