import { Worker } from "node:worker_threads";
import type { TreeSource } from "../core/database.js";
import type { TreeFormat, TreeReply, TreeRequest } from "./tree-thread.messages.js";

/** So many walks through a tree may be under way at a time; a store must have room for as many readers. */
export const TREE_READERS_MAX = 8;

/** A failure of the thread itself, not of what it was asked for. */
const ENDED = "the tree thread has ended";

interface Waiting {
  resolve(chunk: Buffer | undefined): void;
  reject(error: Error): void;
}

/**
 * Encodes a tree while it goes on changing, on a thread of its own, so that a large one holds nobody up: a million znodes take
 * seconds. What comes of it is fuzzy, as upstream's snapshots are, and put right by the log.
 */
export class TreeThread {
  private worker: Worker | undefined;
  /** By job: who waits for its next chunk. */
  private readonly waiting = new Map<number, Waiting>();
  private nextJob = 0;
  private readonly freeReaders = Array.from({ length: TREE_READERS_MAX }, (_, index) => index);
  private readonly forReaders: (() => void)[] = [];
  private closed = false;

  /**
   * The chunks of a snapshot file, or of the image that follows a SNAP packet: of the tree as it is when the first is asked
   * for, or later. Return from it when no more are wanted. Throws where the thread fails.
   */
  async *encode(source: TreeSource, format: TreeFormat, chunkBytes: number): AsyncGenerator<Buffer, void, undefined> {
    const readerIndex = await this.takeReader();
    const job = this.nextJob++;
    const { store, sessions } = source;
    const worker = this.start();
    const post = (request: TreeRequest): void => worker.postMessage(request);
    try {
      post({
        kind: "begin",
        job,
        format,
        chunkBytes,
        shared: store.shared,
        readerIndex,
        sessions: [...sessions.entries()],
        acls: [...store.acls.lists()],
      });
      for (;;) {
        if (worker !== this.worker) throw new Error(ENDED);
        const chunk = await new Promise<Buffer | undefined>((resolve, reject) => {
          this.waiting.set(job, { resolve, reject });
          post({ kind: "next", job, digest: source.digest() });
        });
        if (chunk === undefined) return;
        yield chunk;
      }
    } finally {
      // A thread that is gone cannot give the reader back.
      if (worker === this.worker) post({ kind: "end", job });
      else store.releaseReader(readerIndex);
      this.giveReader(readerIndex);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const { worker } = this;
    this.worker = undefined;
    this.failAll(new Error(ENDED));
    await worker?.terminate();
  }

  private start(): Worker {
    if (this.closed) throw new Error(ENDED);
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(new URL("./tree-thread.worker.js", import.meta.url), { name: "tree" });
    worker.on("message", ({ job, chunk, failed }: TreeReply) => {
      const waiting = this.waiting.get(job);
      this.waiting.delete(job);
      if (failed !== undefined) waiting?.reject(new Error(failed));
      else waiting?.resolve(chunk === undefined ? undefined : Buffer.from(chunk.buffer));
    });
    const ended = (error: Error): void => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.failAll(error);
    };
    worker.on("error", (error) => ended(error as Error));
    worker.on("exit", () => ended(new Error(ENDED)));
    this.worker = worker;
    return worker;
  }

  private failAll(error: Error): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  private async takeReader(): Promise<number> {
    for (;;) {
      const index = this.freeReaders.pop();
      if (index !== undefined) return index;
      await new Promise<void>((resolve) => this.forReaders.push(resolve));
    }
  }

  private giveReader(index: number): void {
    this.freeReaders.push(index);
    this.forReaders.shift()?.();
  }
}
