import { assert } from "../../base/assert.js";
import type { Address } from "../target.js";
import { EtcdError } from "./errors.js";
import { GrpcConnection } from "./grpc.js";
import { METHODS, RangeRequest } from "./messages.js";
import { unary } from "./unary.js";

const ATTEMPT_MS_MIN = 1_000;
const BACKOFF_MS_MIN = 20;
const BACKOFF_MS_MAX = 500;

export interface ChannelOptions {
  readonly members: readonly Address[];
  /** The channel's own member is this modulo their number. */
  readonly index: number;
  readonly sessionTimeoutMs: number;
  /** Calls open at once, at most. */
  readonly callsMax: number;
  /** See `ConnectionOptions.onSent`. */
  readonly onSent?: (atMs: number) => void;
}

export interface ChannelListener {
  /** Calls can be made; `again` for every time but the first. */
  channelUp(grpc: GrpcConnection, again: boolean): void;
  /** The connection went, and not by `close`; its calls have ended before this. */
  channelDown(reason: string): void;
}

/**
 * A connection to one member at a time: its own as long as that answers, else the next that does. It counts as
 * connected once the member has answered a linearizable read, so the cluster serves, and what the member answers from
 * its own store from then on is no older than anything read before: revisions do not go back over a change of member.
 */
export class Channel {
  private readonly options: ChannelOptions;
  private readonly listener: ChannelListener;
  private current: GrpcConnection | undefined;
  private attempt: GrpcConnection | undefined;
  /** The member to try first. */
  private member: number;
  private closed = false;
  private wakeBackoff: () => void = () => {};

  constructor(options: ChannelOptions, listener: ChannelListener) {
    assert(options.members.length > 0, "a channel needs a member");
    this.options = options;
    this.listener = listener;
    this.member = options.index % options.members.length;
  }

  /** The connection, where there is one that takes calls. */
  get grpc(): GrpcConnection | undefined {
    return this.current?.accepting === true ? this.current : undefined;
  }

  /** Connects for the first time; rejects with `EtcdError` if no member serves within the session timeout. */
  async open(): Promise<void> {
    const giveUpAt = performance.now() + this.options.sessionTimeoutMs;
    await this.connect(false, (reason) => {
      if (performance.now() >= giveUpAt) throw new EtcdError("UNAVAILABLE", reason);
    });
  }

  /** Gives up a member that does not serve, for the next one. */
  leave(reason: string): void {
    if (this.current === undefined) return;
    this.member = (this.member + 1) % this.options.members.length;
    this.current.abort(reason);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.wakeBackoff();
    this.attempt?.close();
    this.current?.close();
  }

  /** Tries member after member; `failed` is told after each round of all, and may throw to end it. */
  private async connect(again: boolean, failed: (reason: string) => void): Promise<void> {
    const { members } = this.options;
    for (let attempt = 0; !this.closed; attempt++) {
      const address = members[(this.member + attempt) % members.length] as Address;
      const grpc = await this.connectTo(address).catch((error: EtcdError) => error);
      if (grpc instanceof GrpcConnection) {
        if (this.established(grpc, again)) return;
        continue;
      }
      if (this.closed || attempt % members.length < members.length - 1) continue;
      failed(`${address.host}:${address.port}: ${grpc.message}`);
      await this.backOff(Math.floor(attempt / members.length));
    }
    if (!again) throw new EtcdError("CANCELLED", "closed while it was connecting");
  }

  /** False where the connection, or the channel, has gone since the answer came. */
  private established(grpc: GrpcConnection, again: boolean): boolean {
    if (this.closed) grpc.close();
    if (!grpc.accepting) return false;
    this.current = grpc;
    this.listener.channelUp(grpc, again);
    return true;
  }

  private connectTo(address: Address): Promise<GrpcConnection> {
    const { callsMax, sessionTimeoutMs, onSent } = this.options;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => grpc.abort("no answer in time"), Math.max(ATTEMPT_MS_MIN, sessionTimeoutMs / 2));
      const grpc = new GrpcConnection(
        {
          address,
          streamsMax: callsMax,
          silenceMs: sessionTimeoutMs,
          ...(onSent === undefined ? {} : { onSent }),
        },
        {
          ready: () => {
            const probe = RangeRequest.make({ key: Buffer.from([0]), limit: 1, keysOnly: true });
            unary(grpc, METHODS.range, probe).then(
              () => {
                clearTimeout(timer);
                this.attempt = undefined;
                resolve(grpc);
              },
              (error: EtcdError) => grpc.abort(error.message),
            );
          },
          draining: () => {},
          closed: (reason) => {
            clearTimeout(timer);
            reject(new EtcdError("UNAVAILABLE", reason));
            if (this.current === grpc) this.reconnect(reason);
          },
        },
      );
      this.attempt = grpc;
    });
  }

  private reconnect(reason: string): void {
    this.current = undefined;
    if (this.closed) return;
    this.listener.channelDown(reason);
    void this.connect(true, () => {});
  }

  /** Doubles from round to round; spread by the index, so that many sessions do not all come back at once. */
  private backOff(round: number): Promise<void> {
    const spread = 0.5 + ((this.options.index * 0.618) % 1) / 2;
    const waitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(round, 10)) * spread;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.wakeBackoff = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
