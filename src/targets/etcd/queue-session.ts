import { randomUUID } from "node:crypto";
import type { QueueSession, SessionOptions } from "../driver.js";
import { Channel, type ChannelListener } from "./channel.js";
import { CONNECTION_LOSS, EtcdError } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { prefixEnd } from "./keys.js";
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  Compare,
  DeleteRangeRequest,
  EVENT_TYPE,
  METHODS,
  PutRequest,
  RangeRequest,
  RequestOp,
  SORT_ORDER,
  SORT_TARGET,
  TxnRequest,
  type WatchResponseMessage,
} from "./messages.js";
import { unary } from "./unary.js";
import { WatchStream } from "./watch-stream.js";

const CALLS_MAX = 16;

/**
 * A queue as in etcd's own recipes: an item is a key of its own, the one created first is the first, and who deletes it in
 * a transaction that asks for the revision it was read at has it. At an empty queue a consumer waits for the next put.
 */
export class EtcdQueueSession implements QueueSession, ChannelListener {
  private readonly channel: Channel;
  private readonly prefix: Buffer;
  private readonly prefixEnd: Buffer;
  /** No other session puts keys that begin so. */
  private readonly own: string;
  private stream: WatchStream | undefined;
  private puts = 0;
  /** Where the last put that was heard of stands in history. */
  private lastPut = 0;
  private readonly waiting = new Set<() => void>();

  constructor(options: SessionOptions) {
    this.channel = new Channel({ ...options, callsMax: CALLS_MAX }, this);
    this.prefix = Buffer.from(`${options.root}/queue/`);
    this.prefixEnd = prefixEnd(this.prefix);
    this.own = `${options.root}/queue/${randomUUID()}/`;
  }

  async open(): Promise<void> {
    await this.channel.open();
  }

  async enqueue(data: Uint8Array): Promise<void> {
    const key = Buffer.from(`${this.own}${this.puts++}`);
    await unary(this.grpc(), METHODS.put, PutRequest.make({ key, value: Buffer.from(data) }));
  }

  async dequeue(signal: AbortSignal): Promise<Buffer | null> {
    for (;;) {
      signal.throwIfAborted();
      const grpc = this.grpc();
      const first = RangeRequest.make({
        key: this.prefix,
        rangeEnd: this.prefixEnd,
        limit: 1,
        sortOrder: SORT_ORDER.ascend,
        sortTarget: SORT_TARGET.create,
      });
      const { kvs, header } = await unary(grpc, METHODS.range, first);
      const item = kvs[0];
      if (item === undefined) {
        await this.nextPut(header?.revision ?? 0, signal);
        continue;
      }
      const { key, createRevision, value } = item;
      const there = Compare.make({
        result: COMPARE_RESULT.equal,
        target: COMPARE_TARGET.create,
        key,
        createRevision,
      });
      const take = RequestOp.make({ requestDeleteRange: DeleteRangeRequest.make({ key }) });
      const taken = await unary(grpc, METHODS.txn, TxnRequest.make({ compare: [there], success: [take] }));
      if (taken.succeeded) return value;
    }
  }

  async isEmpty(): Promise<boolean> {
    const all = RangeRequest.make({ key: this.prefix, rangeEnd: this.prefixEnd, countOnly: true });
    return (await unary(this.grpc(), METHODS.range, all)).count === 0;
  }

  async close(): Promise<void> {
    this.channel.close();
    this.wakeAll();
  }

  channelUp(grpc: GrpcConnection): void {
    const stream = new WatchStream(grpc, (reason) => {
      this.stream = undefined;
      this.channel.leave(reason);
    });
    this.stream = stream;
    this.watch(stream);
    this.wakeAll();
  }

  channelDown(): void {
    this.stream = undefined;
    this.wakeAll();
  }

  private watch(stream: WatchStream): void {
    stream.create({
      key: this.prefix,
      rangeEnd: this.prefixEnd,
      startRevision: 0,
      // Who found the queue empty before this cannot tell whether it still is.
      created: () => this.wakeAll(),
      changed: (response) => this.handleChanges(response),
      compacted: () => this.watch(stream),
      refused: (reason) => this.channel.leave(`the watch was refused: ${reason}`),
    });
  }

  private handleChanges(response: WatchResponseMessage): void {
    for (const { type, kv } of response.events) {
      if (type === EVENT_TYPE.put) this.lastPut = Math.max(this.lastPut, kv?.modRevision ?? 0);
    }
    this.wakeAll();
  }

  /** Resolves once there may have been a put after `revision`. */
  private async nextPut(revision: number, signal: AbortSignal): Promise<void> {
    if (this.lastPut > revision || this.stream === undefined || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  private wakeAll(): void {
    for (const wake of [...this.waiting]) wake();
  }

  private grpc(): GrpcConnection {
    const { grpc } = this.channel;
    if (grpc === undefined) throw new EtcdError(CONNECTION_LOSS, "not connected");
    return grpc;
  }
}
