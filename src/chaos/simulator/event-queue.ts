/** Events in order of their time; those of one instant in the order they were added. Times are in milliseconds. */
export class EventQueue {
  private readonly heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  private order = 0;
  nowMs = 0;

  get count(): number {
    return this.heap.length;
  }

  /** A time that has passed means now. */
  at(atMs: number, run: () => void): void {
    const { heap } = this;
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.order++, run };
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!precedes(event, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Runs the next event; false if there is none up to `untilMs`. */
  runNext(untilMs: number): boolean {
    const { heap } = this;
    const next = heap[0];
    if (next === undefined || next.atMs > untilMs) return false;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let place = 0;
      for (;;) {
        let child = place * 2 + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child++;
        if (!precedes(heap[child]!, last)) break;
        heap[place] = heap[child]!;
        place = child;
      }
      heap[place] = last;
    }
    this.nowMs = next.atMs;
    next.run();
    return true;
  }
}

function precedes(
  left: { readonly atMs: number; readonly order: number },
  right: { readonly atMs: number; readonly order: number },
): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
