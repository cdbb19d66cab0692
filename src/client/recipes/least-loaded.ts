interface Entry<T> {
  readonly key: string;
  value: T;
  load: number;
  /** Of entries with the same load, the one that was chosen longest ago goes first. */
  chosenAt: number;
  index: number;
}

/** A binary heap of entries by load, with the place of each known: every operation takes O(log n), and allocates nothing. */
export class LeastLoaded<T> {
  private readonly heap: Entry<T>[] = [];
  private readonly byKey = new Map<string, Entry<T>>();
  private choices = 0;

  get size(): number {
    return this.heap.length;
  }

  set(key: string, value: T, load: number): void {
    let entry = this.byKey.get(key);
    if (entry === undefined) {
      entry = { key, value, load, chosenAt: 0, index: this.heap.length };
      this.byKey.set(key, entry);
      this.heap.push(entry);
    } else {
      entry.value = value;
      entry.load = load;
    }
    this.restore(entry);
  }

  delete(key: string): void {
    const entry = this.byKey.get(key);
    if (entry === undefined) return;
    this.byKey.delete(key);
    const last = this.heap.pop() as Entry<T>;
    if (last === entry) return;
    this.place(last, entry.index);
    this.restore(last);
  }

  /** The one with the least load, whose load grows by `cost`. */
  choose(cost: number): T | undefined {
    const entry = this.heap[0];
    if (entry === undefined) return undefined;
    entry.load += cost;
    entry.chosenAt = ++this.choices;
    this.restore(entry);
    return entry.value;
  }

  private restore(entry: Entry<T>): void {
    this.rise(entry);
    this.sink(entry);
  }

  private rise(entry: Entry<T>): void {
    while (entry.index > 0) {
      const above = (entry.index - 1) >> 1;
      const parent = this.heap[above] as Entry<T>;
      if (!isBefore(entry, parent)) return;
      this.place(parent, entry.index);
      this.place(entry, above);
    }
  }

  private sink(entry: Entry<T>): void {
    for (;;) {
      const left = 2 * entry.index + 1;
      let child = this.heap[left];
      if (child === undefined) return;
      const right = this.heap[left + 1];
      if (right !== undefined && isBefore(right, child)) child = right;
      if (!isBefore(child, entry)) return;
      const below = child.index;
      this.place(child, entry.index);
      this.place(entry, below);
    }
  }

  private place(entry: Entry<T>, index: number): void {
    this.heap[index] = entry;
    entry.index = index;
  }
}

function isBefore<T>(left: Entry<T>, right: Entry<T>): boolean {
  return left.load < right.load || (left.load === right.load && left.chosenAt < right.chosenAt);
}
