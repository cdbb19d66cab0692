import type { ChannelListener } from "./channel.js";
import { Channel, type ChannelOptions } from "./channel.js";
import { CONNECTION_LOSS, EtcdError } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { EVENT_TYPE, type KeyValueMessage, METHODS, RangeRequest, type WatchResponseMessage } from "./messages.js";
import { unary } from "./unary.js";
import { type Watcher, WatchStream } from "./watch-stream.js";

/** Who keeps a copy of a range of keys. The first calls bring what is there already, `caughtUp` after them. */
export interface MirrorListener {
  put(kv: KeyValueMessage): void;
  deleted(key: Buffer): void;
  /** What has been told by now is a state that there was: everything up to one revision. */
  caughtUp(): void;
}

/**
 * A range of keys kept current in etcd's own way: read once, then watched from the revision after that. Over a new
 * connection the watch goes on where it stood; where that is compacted away, the range is read anew.
 */
class Mirror implements Watcher {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
  /** 0 until the range has been read. */
  startRevision = 0;
  /** The revision each key was last changed in, by its octets. */
  private readonly known = new Map<string, number>();
  private readonly mirrors: Mirrors;
  private readonly listener: MirrorListener;
  private resolve: () => void;
  private reject: (error: Error) => void;

  constructor(
    mirrors: Mirrors,
    range: { readonly key: Buffer; readonly rangeEnd: Buffer },
    listener: MirrorListener,
    settle: { readonly resolve: () => void; readonly reject: (error: Error) => void },
  ) {
    this.key = range.key;
    this.rangeEnd = range.rangeEnd;
    this.mirrors = mirrors;
    this.listener = listener;
    this.resolve = settle.resolve;
    this.reject = settle.reject;
  }

  use(grpc: GrpcConnection, stream: WatchStream): void {
    if (this.startRevision > 0) stream.create(this);
    else this.load(grpc, stream);
  }

  created(): void {
    this.resolve();
  }

  changed(response: WatchResponseMessage): void {
    for (const { type, kv } of response.events) {
      if (kv === undefined || kv.modRevision < this.startRevision) continue;
      if (type === EVENT_TYPE.delete) this.remove(kv.key);
      else this.put(kv);
    }
    this.startRevision = Math.max(this.startRevision, (response.header?.revision ?? 0) + 1);
    this.listener.caughtUp();
  }

  compacted(): void {
    this.startRevision = 0;
    this.mirrors.again(this);
  }

  refused(reason: string): void {
    this.fail(new EtcdError("INVALID_ARGUMENT", `the watch was refused: ${reason}`));
  }

  fail(error: EtcdError): void {
    this.mirrors.forget(this);
    this.reject(error);
  }

  private load(grpc: GrpcConnection, stream: WatchStream): void {
    const { key, rangeEnd } = this;
    unary(grpc, METHODS.range, RangeRequest.make({ key, rangeEnd })).then(
      ({ header, kvs }) => {
        const found = new Set(kvs.map((kv) => kv.key.toString("latin1")));
        for (const name of this.known.keys()) if (!found.has(name)) this.remove(Buffer.from(name, "latin1"));
        // In the order in which events would have brought them.
        for (const kv of [...kvs].sort((left, right) => left.modRevision - right.modRevision)) {
          if (this.known.get(kv.key.toString("latin1")) !== kv.modRevision) this.put(kv);
        }
        this.startRevision = (header?.revision ?? 0) + 1;
        this.listener.caughtUp();
        stream.create(this);
      },
      (error: Error) => this.mirrors.leave(error.message),
    );
  }

  private put(kv: KeyValueMessage): void {
    this.known.set(kv.key.toString("latin1"), kv.modRevision);
    this.listener.put(kv);
  }

  private remove(key: Buffer): void {
    this.known.delete(key.toString("latin1"));
    this.listener.deleted(key);
  }
}

/** Mirrors of one session, over one connection at a time and one stream of it. */
export class Mirrors implements ChannelListener {
  private readonly channel: Channel;
  private readonly mirrors = new Set<Mirror>();
  private readonly onUp: (grpc: GrpcConnection) => void;
  private stream: WatchStream | undefined;

  /** `onUp` is called with every connection that calls can be made on. */
  constructor(options: ChannelOptions, onUp: (grpc: GrpcConnection) => void = () => {}) {
    this.onUp = onUp;
    this.channel = new Channel(options, this);
  }

  async open(): Promise<void> {
    await this.channel.open();
  }

  /** Throws EtcdError CONNECTIONLOSS while there is none. */
  connection(): GrpcConnection {
    const { grpc } = this.channel;
    if (grpc === undefined) throw new EtcdError(CONNECTION_LOSS, "not connected");
    return grpc;
  }

  /** Resolves once the range has been read and is watched. */
  keep(range: { readonly key: Buffer; readonly rangeEnd: Buffer }, listener: MirrorListener): Promise<void> {
    return new Promise((resolve, reject) => {
      const mirror = new Mirror(this, range, listener, { resolve, reject });
      this.mirrors.add(mirror);
      this.again(mirror);
    });
  }

  close(): void {
    const waiting = [...this.mirrors];
    this.channel.close();
    for (const mirror of waiting) mirror.fail(new EtcdError("CANCELLED", "the session was closed"));
  }

  forget(mirror: Mirror): void {
    this.mirrors.delete(mirror);
  }

  /** Without a connection, the next one does it. */
  again(mirror: Mirror): void {
    const { grpc } = this.channel;
    if (grpc !== undefined && this.stream !== undefined) mirror.use(grpc, this.stream);
  }

  /** Gives up the member. */
  leave(reason: string): void {
    this.channel.leave(reason);
  }

  channelUp(grpc: GrpcConnection): void {
    const stream = new WatchStream(grpc, (reason) => {
      this.stream = undefined;
      this.channel.leave(reason);
    });
    this.stream = stream;
    for (const mirror of this.mirrors) mirror.use(grpc, stream);
    this.onUp(grpc);
  }

  channelDown(): void {
    this.stream = undefined;
  }
}
