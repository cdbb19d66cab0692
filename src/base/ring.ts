/** A first-in first-out queue over one array that grows by doubling; neither end allocates per element. */
export class RingBuffer<T> {
  private slots: (T | undefined)[];
  private head = 0;
  private count = 0;

  constructor(capacity = 16) {
    let slots = 1;
    while (slots < capacity) slots *= 2;
    this.slots = new Array<T | undefined>(slots).fill(undefined);
  }

  get length(): number {
    return this.count;
  }

  push(value: T): void {
    if (this.count === this.slots.length) this.grow();
    this.slots[(this.head + this.count) & (this.slots.length - 1)] = value;
    this.count++;
  }

  peek(): T | undefined {
    return this.count === 0 ? undefined : this.slots[this.head];
  }

  shift(): T | undefined {
    if (this.count === 0) return undefined;
    const value = this.slots[this.head];
    this.slots[this.head] = undefined;
    this.head = (this.head + 1) & (this.slots.length - 1);
    this.count--;
    return value;
  }

  clear(): void {
    this.slots.fill(undefined);
    this.head = 0;
    this.count = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.count; index++) {
      yield this.slots[(this.head + index) & (this.slots.length - 1)] as T;
    }
  }

  private grow(): void {
    const old = this.slots;
    const grown = new Array<T | undefined>(old.length * 2).fill(undefined);
    for (let index = 0; index < this.count; index++) grown[index] = old[(this.head + index) & (old.length - 1)];
    this.slots = grown;
    this.head = 0;
  }
}
