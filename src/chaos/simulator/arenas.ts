import { ZnodeStore } from "../../core/tree/store.js";

/** Enough for the trees of simulated clients. */
const ARENA_BYTES = 3 * 2 ** 19;

const free: SharedArrayBuffer[] = [];

/** The memory of the stores of one simulation, to be used again by the next. */
export class Arenas {
  private readonly used = new Map<ZnodeStore, SharedArrayBuffer>();

  createStore(hashSeed: number): ZnodeStore {
    const memory = free.pop() ?? new SharedArrayBuffer(ARENA_BYTES);
    const store = ZnodeStore.create({ arenaBytesMax: ARENA_BYTES, hashSeed, readersMax: 0, memory });
    this.used.set(store, memory);
    return store;
  }

  /** Nobody looks at this store any more. */
  release(store: ZnodeStore): void {
    const memory = this.used.get(store);
    if (memory === undefined) return;
    this.used.delete(store);
    free.push(memory);
  }

  releaseAll(): void {
    for (const store of [...this.used.keys()]) this.release(store);
  }
}
