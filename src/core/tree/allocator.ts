import { AssertionError, assert } from "../../base/assert.js";
import { BYTES_PER_UNIT, PAGE_BYTES, PAGE_UNITS, type Reference, WORDS_PER_UNIT } from "./layout.js";

// Memory goes to size classes a page at a time, and a page whose blocks are all free goes back, so that a tree of small
// nodes can become one of large nodes. No block is larger than a page: nothing ever needs pages side by side.

/** Block sizes in units, rising: an eighth apart while small, then the largest that go k times into a page. */
const CLASS_UNITS = buildClasses();
const CLASS_COUNT = CLASS_UNITS.length;
/** The class for a size in units. */
const CLASS_OF_UNITS = buildClassOfUnits();

function buildClasses(): readonly number[] {
  const sizes = new Set<number>();
  for (let units = 2; units <= PAGE_UNITS / 16; units += Math.max(1, 2 ** (28 - Math.clz32(units)))) sizes.add(units);
  for (let perPage = 15; perPage >= 1; perPage--) sizes.add(Math.floor(PAGE_UNITS / perPage));
  return [...sizes].sort((left, right) => left - right);
}

function buildClassOfUnits(): Uint8Array {
  assert(CLASS_COUNT <= 256, "a class fits a byte");
  const table = new Uint8Array(PAGE_UNITS + 1);
  for (let units = 0, sizeClass = 0; units <= PAGE_UNITS; units++) {
    if (units > (CLASS_UNITS[sizeClass] as number)) sizeClass++;
    table[units] = sizeClass;
  }
  return table;
}

function classOf(bytes: number): number {
  if (!(bytes > 0 && bytes <= PAGE_BYTES)) throw new AssertionError(`no block of ${bytes} bytes`);
  return CLASS_OF_UNITS[(bytes + BYTES_PER_UNIT - 1) >>> 3] as number;
}

/** What a block takes of the arena at the most, its share of what is left over in a page included, in bytes. */
export function blockCostBytes(bytes: number): number {
  return PAGE_BYTES / Math.floor(PAGE_UNITS / (CLASS_UNITS[classOf(bytes)] as number));
}

/** Beside what its blocks cost, any set of blocks may leave one page of each class half used. */
export const PARTIAL_PAGES_BYTES_MAX = CLASS_COUNT * PAGE_BYTES;

const NO_PAGE = -1;
/** The class of a page that no class has. */
const FREE = 255;

/**
 * Blocks of the arena, for the writer alone. Its books are typed arrays of its own, a few words per page; only the list of
 * free blocks of a page is kept in the blocks themselves, which no reader sees any more by then.
 */
export class Allocator {
  private readonly words: Int32Array;
  private readonly heapStart: Reference;
  readonly pageCount: number;
  /** Pages from here on were never used, and their memory was never touched. */
  private pagesTouched = 0;
  /** Touched pages without a class, as a stack. */
  private readonly freePages: Int32Array;
  private freePageCount = 0;

  private readonly pageClass: Uint8Array;
  private readonly pageUsed: Uint16Array;
  /** Blocks of the page that were handed out at least once; those behind them are free and on no list. */
  private readonly pageCut: Uint16Array;
  private readonly pageFirstFree: Int32Array;
  /** The pages of one class that have room form a list. */
  private readonly pageNext: Int32Array;
  private readonly pagePrevious: Int32Array;
  private readonly classFirstPage = new Int32Array(CLASS_COUNT).fill(NO_PAGE);

  constructor(words: Int32Array, heapStart: Reference) {
    this.words = words;
    this.heapStart = heapStart;
    this.pageCount = Math.floor((words.length / WORDS_PER_UNIT - heapStart) / PAGE_UNITS);
    this.freePages = new Int32Array(this.pageCount);
    this.pageClass = new Uint8Array(this.pageCount).fill(FREE);
    this.pageUsed = new Uint16Array(this.pageCount);
    this.pageCut = new Uint16Array(this.pageCount);
    this.pageFirstFree = new Int32Array(this.pageCount);
    this.pageNext = new Int32Array(this.pageCount);
    this.pagePrevious = new Int32Array(this.pageCount);
  }

  /** Bytes in pages that no class has. */
  get freePagesBytes(): number {
    return (this.pageCount - this.pagesTouched + this.freePageCount) * PAGE_BYTES;
  }

  /** A block of at least so many bytes, its contents undefined, or 0 if there is none. */
  allocate(bytes: number): Reference {
    const sizeClass = classOf(bytes);
    let page = this.classFirstPage[sizeClass] as number;
    if (page === NO_PAGE) {
      page = this.takePage(sizeClass);
      if (page === NO_PAGE) return 0;
    }
    const units = CLASS_UNITS[sizeClass] as number;
    const used = (this.pageUsed[page] as number) + 1;
    this.pageUsed[page] = used;
    if (used * units > PAGE_UNITS - units) this.unlist(page, sizeClass);
    const free = this.pageFirstFree[page] as number;
    if (free !== 0) {
      this.pageFirstFree[page] = this.words[free * WORDS_PER_UNIT] as number;
      return free;
    }
    const cut = this.pageCut[page] as number;
    this.pageCut[page] = cut + 1;
    return this.heapStart + page * PAGE_UNITS + cut * units;
  }

  /** The block must be unreachable for every thread. */
  free(block: Reference): void {
    const page = Math.floor((block - this.heapStart) / PAGE_UNITS);
    const sizeClass = this.pageClass[page] as number;
    if (sizeClass === FREE) throw new AssertionError(`block ${block} was not allocated`);
    const units = CLASS_UNITS[sizeClass] as number;
    const used = this.pageUsed[page] as number;
    const wasFull = used * units > PAGE_UNITS - units;
    this.pageUsed[page] = used - 1;
    if (used === 1) {
      if (!wasFull) this.unlist(page, sizeClass);
      this.pageClass[page] = FREE;
      this.freePages[this.freePageCount++] = page;
      return;
    }
    this.words[block * WORDS_PER_UNIT] = this.pageFirstFree[page] as number;
    this.pageFirstFree[page] = block;
    if (wasFull) this.list(page, sizeClass);
  }

  private takePage(sizeClass: number): number {
    let page = NO_PAGE;
    if (this.freePageCount > 0) page = this.freePages[--this.freePageCount] as number;
    else if (this.pagesTouched < this.pageCount) page = this.pagesTouched++;
    if (page === NO_PAGE) return NO_PAGE;
    this.pageClass[page] = sizeClass;
    this.pageUsed[page] = 0;
    this.pageCut[page] = 0;
    this.pageFirstFree[page] = 0;
    this.list(page, sizeClass);
    return page;
  }

  private list(page: number, sizeClass: number): void {
    const next = this.classFirstPage[sizeClass] as number;
    this.pageNext[page] = next;
    this.pagePrevious[page] = NO_PAGE;
    if (next !== NO_PAGE) this.pagePrevious[next] = page;
    this.classFirstPage[sizeClass] = page;
  }

  private unlist(page: number, sizeClass: number): void {
    const next = this.pageNext[page] as number;
    const previous = this.pagePrevious[page] as number;
    if (next !== NO_PAGE) this.pagePrevious[next] = previous;
    if (previous === NO_PAGE) this.classFirstPage[sizeClass] = next;
    else this.pageNext[previous] = next;
  }
}
