import type { LeaderSession, SessionOptions } from "../driver.js";
import { Channel, type ChannelListener } from "./channel.js";
import { ELECTION_LOCK } from "./election-session.js";
import type { GrpcConnection } from "./grpc.js";
import { lockPrefix, prefixEnd } from "./keys.js";
import { METHODS, RangeRequest, SORT_ORDER, SORT_TARGET } from "./messages.js";
import { unary } from "./unary.js";
import { WatchStream } from "./watch-stream.js";

const CALLS_MAX = 16;

/** Watches the candidates' keys, and looks who is the first of them whenever one comes or goes. */
export class EtcdLeaderSession implements LeaderSession, ChannelListener {
  private readonly channel: Channel;
  private readonly prefix: Buffer;
  private readonly prefixEnd: Buffer;
  private onLeader: ((term: number) => void) | undefined;
  private stream: WatchStream | undefined;
  private watching: () => void = () => undefined;
  private term = 0;
  private looking = false;
  /** Something has changed since the look that is under way began. */
  private stale = false;

  constructor(options: SessionOptions) {
    this.channel = new Channel({ ...options, callsMax: CALLS_MAX }, this);
    this.prefix = lockPrefix(options.root, ELECTION_LOCK);
    this.prefixEnd = prefixEnd(this.prefix);
  }

  async open(): Promise<void> {
    await this.channel.open();
  }

  async observe(onLeader: (term: number) => void): Promise<void> {
    this.onLeader = onLeader;
    await new Promise<void>((resolve) => {
      this.watching = resolve;
      if (this.stream !== undefined) this.watch(this.stream);
    });
  }

  async close(): Promise<void> {
    this.channel.close();
  }

  channelUp(grpc: GrpcConnection): void {
    const stream = new WatchStream(grpc, (reason) => {
      this.stream = undefined;
      this.channel.leave(reason);
    });
    this.stream = stream;
    if (this.onLeader !== undefined) this.watch(stream);
  }

  channelDown(): void {
    this.stream = undefined;
  }

  private watch(stream: WatchStream): void {
    const look = (): void => void this.look();
    stream.create({
      key: this.prefix,
      rangeEnd: this.prefixEnd,
      startRevision: 0,
      // What changed before it, also while there was no connection, is seen by this look.
      created: () => {
        look();
        this.watching();
      },
      changed: look,
      compacted: () => this.watch(stream),
      refused: (reason) => this.channel.leave(`the watch was refused: ${reason}`),
    });
  }

  private async look(): Promise<void> {
    this.stale = true;
    if (this.looking) return;
    this.looking = true;
    try {
      for (let grpc = this.channel.grpc; this.stale && grpc !== undefined; grpc = this.channel.grpc) {
        this.stale = false;
        const first = RangeRequest.make({
          key: this.prefix,
          rangeEnd: this.prefixEnd,
          limit: 1,
          sortOrder: SORT_ORDER.ascend,
          sortTarget: SORT_TARGET.create,
          keysOnly: true,
        });
        this.tell((await unary(grpc, METHODS.range, first)).kvs[0]?.createRevision ?? 0);
      }
    } catch (error) {
      this.channel.leave((error as Error).message);
    } finally {
      this.looking = false;
    }
  }

  private tell(term: number): void {
    if (term === 0 || term === this.term) return;
    this.term = term;
    this.onLeader?.(term);
  }
}
