import { assert } from "../../base/assert.js";
import type { ByteWriter } from "../../base/bytes.js";
import type { CallHandler, GrpcConnection } from "./grpc.js";
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse, METHODS } from "./messages.js";

/** A lease is renewed this often within its time to live. */
const RENEWALS_PER_TTL = 3;

/**
 * A lease that was granted, kept alive over whatever connection there is. It counts as lost when the server says so, or
 * when its time to live has passed since the last renewal that was answered was sent: by then the server may have given
 * the locks to others, whether it can be asked or not.
 */
export class Lease implements CallHandler {
  readonly id: bigint;
  private readonly ttlMs: number;
  private readonly onLost = new Set<() => void>();
  private readonly renewTimer: NodeJS.Timeout;
  private expiryTimer: NodeJS.Timeout;
  private grpc: GrpcConnection | undefined;
  private cell = -1;
  /** When the oldest renewal without an answer was sent; 0 is none. One is on its way at a time. */
  private renewalSentAt = 0;
  private lost_ = false;

  /** `askedAt` is when the grant was asked for, by performance.now(). */
  constructor(id: bigint, ttlSeconds: number, askedAt: number) {
    this.id = id;
    this.ttlMs = ttlSeconds * 1_000;
    this.expiryTimer = this.expireAfter(askedAt);
    this.renewTimer = setInterval(() => this.renew(), this.ttlMs / RENEWALS_PER_TTL);
  }

  get lost(): boolean {
    return this.lost_;
  }

  /** Calls back when the lease is lost, unless the function that is returned is called before. */
  whenLost(callback: () => void): () => void {
    assert(!this.lost_, "waiting for the loss of a lost lease");
    this.onLost.add(callback);
    return () => this.onLost.delete(callback);
  }

  /** Goes on over a new connection. */
  use(grpc: GrpcConnection): void {
    if (this.lost_) return;
    this.grpc = grpc;
    this.cell = grpc.openStream(METHODS.leaseKeepAlive, this, 0);
    this.renewalSentAt = 0;
    this.renew();
  }

  /** Lets go of the lease: revoked, expired, or no longer of interest. Whoever waits for its loss is told. */
  lose(): void {
    if (this.lost_) return;
    this.lost_ = true;
    clearInterval(this.renewTimer);
    clearTimeout(this.expiryTimer);
    if (this.cell !== -1) this.grpc?.cancel(this.cell);
    this.cell = -1;
    const callbacks = [...this.onLost];
    this.onLost.clear();
    for (const callback of callbacks) callback();
  }

  private renew(): void {
    if (this.cell === -1 || this.renewalSentAt !== 0) return;
    this.renewalSentAt = performance.now();
    const request = LeaseKeepAliveRequest.make({ id: this.id });
    this.grpc?.send(this.cell, (writer) => LeaseKeepAliveRequest.encode(writer, request));
  }

  private expireAfter(sentAt: number): NodeJS.Timeout {
    return setTimeout(() => this.lose(), Math.max(0, sentAt + this.ttlMs - performance.now()));
  }

  // -- the keep-alive stream

  writeRequest(_tag: number, _writer: ByteWriter): void {}

  message(_tag: number, bytes: Buffer, start: number, end: number): void {
    const response = LeaseKeepAliveResponse.decode(bytes, start, end);
    if (response.ttlSeconds <= 0) {
      this.lose();
      return;
    }
    clearTimeout(this.expiryTimer);
    this.expiryTimer = this.expireAfter(this.renewalSentAt);
    this.renewalSentAt = 0;
  }

  /** The stream ended; the connection that follows opens the next. */
  ended(): void {
    this.cell = -1;
  }
}
