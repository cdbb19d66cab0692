import { assert } from "../../base/assert.js";
import type { HeldLock } from "../../client/recipes/held-lock.js";

/** The locks that one session holds, by number. */
export class HeldLocks {
  private readonly held = new Map<number, HeldLock>();

  requireFree(lock: number): void {
    assert(!this.held.has(lock), `lock ${lock} is held by this session already`);
  }

  add(lock: number, held: HeldLock): void {
    this.held.set(lock, held);
  }

  async release(lock: number): Promise<void> {
    const held = this.held.get(lock);
    assert(held, `lock ${lock} is not held by this session`);
    this.held.delete(lock);
    await held.release();
  }
}
