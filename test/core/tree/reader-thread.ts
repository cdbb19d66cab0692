import { parentPort, workerData } from "node:worker_threads";
import { ZnodeReader } from "../../../src/core/tree/store.js";

// A thread that reads while the test's thread writes, and says what it saw that cannot be.

export interface ReaderTask {
  readonly shared: SharedArrayBuffer;
  readonly readerIndex: number;
  readonly job: "values" | "growth" | "queue";
  /** Words of `control`, see CONTROL. */
  readonly control: SharedArrayBuffer;
  readonly paths: readonly string[];
}

export interface ReaderReport {
  readonly reads: number;
  readonly hits: number;
  readonly problem: string | undefined;
}

/** `ready` counts the threads that began; `stop` is raised by the writer; `created` is how many nodes there are at least. */
export const CONTROL = { ready: 0, stop: 1, created: 2 } as const;

/** Data that says which node and version it belongs to, all the way: any mixture of two is noticed. */
export function selfDescribing(pathIndex: number, version: number, bytes: number): Buffer {
  const data = Buffer.alloc(bytes, (pathIndex * 31 + version * 7) & 0xff);
  data.writeInt32LE(pathIndex, 0);
  data.writeInt32LE(version, 4);
  data.writeInt32LE(bytes, 8);
  return data;
}

export function queuePath(index: number): string {
  return `/queue/n-${index}`;
}

const BATCH = 48;
const STAT_VERSION = 32;
const STAT_DATA_LENGTH = 52;

class ReaderThread {
  private readonly task: ReaderTask;
  private readonly control: Int32Array;
  private readonly reader: ZnodeReader;
  private readonly target = Buffer.alloc(2 ** 17);
  private reads = 0;
  private hits = 0;
  private state = 1;

  constructor(task: ReaderTask) {
    this.task = task;
    this.control = new Int32Array(task.control);
    this.reader = new ZnodeReader(task.shared, task.readerIndex);
    this.state = task.readerIndex + 1;
  }

  run(): ReaderReport {
    Atomics.add(this.control, CONTROL.ready, 1);
    Atomics.notify(this.control, CONTROL.ready);
    let problem: string | undefined;
    try {
      while (problem === undefined && Atomics.load(this.control, CONTROL.stop) === 0) {
        problem = this[this.task.job]();
        this.reader.quiesce();
      }
    } catch (error) {
      problem = String(error);
    }
    this.reader.unregister();
    return { reads: this.reads, hits: this.hits, problem };
  }

  private below(bound: number): number {
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) | 0;
    return (this.state >>> 4) % bound;
  }

  /** Finds a batch of nodes, and only then reads them: a block reused under it is reused by then. */
  private values(): string | undefined {
    const { paths } = this.task;
    const found: { index: number; node: number }[] = [];
    for (let count = 0; count < BATCH; count++) {
      const index = this.below(paths.length);
      const node = this.reader.findPath(paths[index] as string);
      this.reads++;
      if (node !== 0) found.push({ index, node });
    }
    for (const { index, node } of found) {
      this.hits++;
      const path = this.reader.path(node);
      if (path !== paths[index]) return `found ${path} for ${paths[index]}`;
      const total = this.reader.dataReplyBytes(node);
      if (this.reader.copyDataReply(node, this.target, 0) !== total) return `${path}: its length changed`;
      const bytes = this.target.readInt32BE(0);
      const stat = total - 68;
      const version = this.target.readInt32BE(stat + STAT_VERSION);
      if (this.target.readInt32BE(stat + STAT_DATA_LENGTH) !== bytes) return `${path}: Stat of other data`;
      if (!this.target.subarray(4, stat).equals(selfDescribing(index, version, bytes))) {
        return `${path}: data of another node or version than ${version}`;
      }
    }
    return undefined;
  }

  /** What was created is found, however the table grows meanwhile. */
  private growth(): string | undefined {
    const created = Atomics.load(this.control, CONTROL.created);
    for (let count = 0; count < BATCH && created > 0; count++) {
      const index = count % 4 === 0 ? created - 1 : this.below(created);
      this.reads++;
      if (this.reader.findPath(queuePath(index)) === 0) return `${queuePath(index)} of ${created} was missed`;
      this.hits++;
    }
    return undefined;
  }

  /** The writer adds at one end and removes at the other, so any true list of children has no gap. */
  private queue(): string | undefined {
    const node = this.reader.findPath("/queue");
    const numChildren = this.reader.numChildren(node);
    for (let again = 0; again < 2; again++) {
      const numbers = this.reader.children(node).map((name) => Number(name.slice(2)));
      this.reads++;
      if (numbers.length > 0) this.hits++;
      if (numbers.length !== numChildren) return `${numbers.length} children where the Stat says ${numChildren}`;
      const gap = numbers.findIndex((number, at) => at > 0 && number !== (numbers[at - 1] as number) - 1);
      if (gap !== -1) return `children ${numbers[gap - 1]} and ${numbers[gap]} with nothing in between`;
    }
    return undefined;
  }
}

if (parentPort !== null) parentPort.postMessage(new ReaderThread(workerData as ReaderTask).run());
