import type { SessionOptions, WatchSession } from "../driver.js";
import { changeValues } from "./change-values.js";
import { Channel, type ChannelListener } from "./channel.js";
import { CONNECTION_LOSS, EtcdError } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { type NumberedKeys, valueKeys } from "./keys.js";
import { METHODS, RangeRequest, type WatchResponseMessage } from "./messages.js";
import { unary } from "./unary.js";
import { type Watcher, WatchStream } from "./watch-stream.js";

const CALLS_MAX = 1024;

/** One watch, over all the connections it lives through: it goes on where it stood. */
class Subscription implements Watcher {
  readonly key: Buffer;
  startRevision = 0;
  private readonly session: EtcdWatchSession;
  private readonly onChange: (order: number) => void;
  private readonly resolve: () => void;
  private readonly reject: (error: Error) => void;

  constructor(
    session: EtcdWatchSession,
    key: Buffer,
    onChange: (order: number) => void,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.session = session;
    this.key = key;
    this.onChange = onChange;
    this.resolve = resolve;
    this.reject = reject;
  }

  created(revision: number): void {
    if (this.startRevision === 0) this.startRevision = revision + 1;
    this.resolve();
  }

  changed(response: WatchResponseMessage): void {
    for (const event of response.events) this.report(event.kv?.modRevision ?? 0);
  }

  /** Once for each revision, however often the server repeats itself. */
  report(revision: number): void {
    if (revision < this.startRevision) return;
    this.startRevision = revision + 1;
    this.onChange(revision);
  }

  compacted(): void {
    this.session.catchUp(this);
  }

  refused(reason: string): void {
    this.fail(new EtcdError("INVALID_ARGUMENT", `the watch was refused: ${reason}`));
  }

  fail(error: EtcdError): void {
    this.session.forget(this);
    this.reject(error);
  }
}

/** All watches of a session share one stream; a lost one is opened again, from the revisions reached. */
export class EtcdWatchSession implements WatchSession, ChannelListener {
  private readonly channel: Channel;
  private readonly values: NumberedKeys;
  private readonly subscriptions = new Set<Subscription>();
  private stream: WatchStream | undefined;
  private readonly value: Buffer;

  constructor(options: SessionOptions) {
    this.values = valueKeys(options.root);
    this.value = Buffer.alloc(options.valueBytes ?? 0, "b");
    this.channel = new Channel({ ...options, callsMax: CALLS_MAX }, this);
  }

  async open(): Promise<void> {
    await this.channel.open();
  }

  watch(key: number, onChange: (order: number) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const subscription = new Subscription(this, this.values.key(key), onChange, resolve, reject);
      this.subscriptions.add(subscription);
      this.stream?.create(subscription);
    });
  }

  async change(key: number, count = 1): Promise<number> {
    const grpc = this.channel.grpc;
    if (grpc === undefined) throw new EtcdError(CONNECTION_LOSS, "not connected");
    return await changeValues(grpc, this.values, key, count, this.value);
  }

  async close(): Promise<void> {
    const waiting = [...this.subscriptions];
    this.channel.close();
    for (const subscription of waiting) subscription.fail(new EtcdError("CANCELLED", "the session was closed"));
  }

  forget(subscription: Subscription): void {
    this.subscriptions.delete(subscription);
  }

  /** The history between was compacted away: reads what it came to, and watches from there. */
  catchUp(subscription: Subscription): void {
    const grpc = this.channel.grpc;
    const stream = this.stream;
    // Without a connection, the next one runs into the same compaction, and comes back here.
    if (grpc === undefined || stream === undefined) return;
    unary(grpc, METHODS.range, RangeRequest.make({ key: subscription.key })).then(
      (response) => {
        subscription.report(response.kvs[0]?.modRevision ?? 0);
        subscription.startRevision = Math.max(subscription.startRevision, (response.header?.revision ?? 0) + 1);
        stream.create(subscription);
      },
      (error: Error) => this.channel.leave(error.message),
    );
  }

  channelUp(grpc: GrpcConnection): void {
    const stream = new WatchStream(grpc, (reason) => {
      this.stream = undefined;
      this.channel.leave(reason);
    });
    this.stream = stream;
    for (const subscription of this.subscriptions) stream.create(subscription);
  }

  channelDown(): void {
    this.stream = undefined;
  }
}
