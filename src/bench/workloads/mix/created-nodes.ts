/** How many more than can be outstanding a connection keeps where it deletes as much as it creates. */
const SPARE = 64;
/** Those beyond stay in the tree, and nobody deletes them: what is remembered must not grow with the run. */
const REMEMBERED_MAX = 4_096;

/**
 * What one connection created and may delete: the oldest first. What is decided from is how many creates and deletes were
 * submitted, never when they were answered, so that a run without failures repeats operation for operation.
 */
export class CreatedNodes {
  private readonly depth: number;
  /** Where creates weigh no more than deletes, the most that there may be before a create becomes a delete. */
  private readonly countMax: number;
  private readonly numbers = new Float64Array(REMEMBERED_MAX);
  private readonly keys = new Float64Array(REMEMBERED_MAX);
  private head = 0;
  private known = 0;
  /** Creates submitted to be remembered, and not failed, less deletes submitted. */
  private count = 0;

  /** `depth`: how many operations may be outstanding. */
  constructor(depth: number, createWeight: number, deleteWeight: number) {
    this.depth = depth;
    this.countMax = deleteWeight >= createWeight ? Math.min(depth + SPARE, REMEMBERED_MAX) : Number.POSITIVE_INFINITY;
  }

  /**
   * True where there are as many as a delete needs: more than can be outstanding, so that one of them has been answered
   * (or failed, and then there may be none all the same).
   */
  get canDelete(): boolean {
    return this.count >= this.depth && this.known > 0;
  }

  get full(): boolean {
    return this.count >= this.countMax && this.canDelete;
  }

  /** A create is submitted. False where it is not to be remembered. */
  reserve(): boolean {
    if (this.count >= REMEMBERED_MAX) return false;
    this.count++;
    return true;
  }

  /** It succeeded. */
  remember(number: number, key: number): void {
    const at = (this.head + this.known++) % REMEMBERED_MAX;
    this.numbers[at] = number;
    this.keys[at] = key;
  }

  /** It failed. */
  release(): void {
    this.count--;
  }

  /** A delete is submitted: of `number` beside `key`, which are those of the oldest until `drop`. */
  get number(): number {
    return this.numbers[this.head] as number;
  }

  get key(): number {
    return this.keys[this.head] as number;
  }

  drop(): void {
    this.head = (this.head + 1) % REMEMBERED_MAX;
    this.known--;
    this.count--;
  }

  /** All of them went with their session; those under way count on. */
  clear(): void {
    this.count -= this.known;
    this.known = 0;
  }
}
