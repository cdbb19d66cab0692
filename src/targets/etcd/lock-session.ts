import { assert } from "../../base/assert.js";
import type { LockSession, SessionOptions } from "../driver.js";
import { Channel, type ChannelListener } from "./channel.js";
import { CONNECTION_LOSS, EtcdError, LEASE_LOST } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { lockPrefix, prefixEnd } from "./keys.js";
import { Lease } from "./lease.js";
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  Compare,
  DeleteRangeRequest,
  EVENT_TYPE,
  LeaseGrantRequest,
  METHODS,
  PutRequest,
  RangeRequest,
  type RangeResponseMessage,
  RequestOp,
  SORT_ORDER,
  SORT_TARGET,
  TxnRequest,
} from "./messages.js";
import { unary } from "./unary.js";
import { WatchStream } from "./watch-stream.js";

const CALLS_MAX = 1024;
const RETRY_MS = 50;

/** What a later try can mend: the call may or may not have taken effect, and can be made again. */
function isPassing(error: unknown): boolean {
  return error instanceof EtcdError && (error.code === CONNECTION_LOSS || error.code === "UNAVAILABLE");
}

function leaseLost(): EtcdError {
  return new EtcdError(LEASE_LOST, "the lease expired, and its locks with it");
}

/**
 * Locks as etcd's own concurrency package makes them. Every contender puts a key of its own below the lock's prefix,
 * bound to its lease; the one created first holds the lock, each other one waits for the deletion of the one before it.
 * The fencing token is the revision that created the key.
 */
export class EtcdLockSession implements LockSession, ChannelListener {
  events = 0;
  private readonly channel: Channel;
  private readonly options: SessionOptions;
  private lease: Promise<Lease> | undefined;
  private granted: Lease | undefined;
  /** By number: what is held or being acquired, under which lease. */
  private readonly locks = new Map<number, Lease>();
  private stream: WatchStream | undefined;
  /** Called when the channel is up, or the session closed. */
  private readonly waitingForChannel = new Set<() => void>();
  /** Called when the watch stream ends. */
  private readonly watching = new Set<() => void>();
  private closed = false;

  constructor(options: SessionOptions) {
    this.options = options;
    this.channel = new Channel({ ...options, callsMax: CALLS_MAX }, this);
  }

  async open(): Promise<void> {
    await this.channel.open();
    await this.currentLease();
  }

  /**
   * Rejects with LEASELOST if the lease is lost meanwhile; the next call works under a new one. A session takes part in
   * a lock once at a time.
   */
  async acquire(lock: number): Promise<{ readonly fencingToken: number }> {
    const lease = await this.currentLease();
    assert(!this.locks.has(lock), "the session holds the lock, or waits for it, already");
    this.locks.set(lock, lease);
    const prefix = lockPrefix(this.options.root, lock);
    const key = this.contenderKey(lock, lease);
    try {
      const { createRevision, held } = await this.retrying(lease, (grpc) => this.enter(grpc, lease, prefix, key));
      if (!held) {
        await this.retrying(lease, (grpc) => this.waitForTurn(grpc, lease, prefix, createRevision));
        const own = await this.retrying(lease, (grpc) => unary(grpc, METHODS.range, RangeRequest.make({ key })));
        if (own.kvs[0]?.createRevision !== createRevision) throw leaseLost();
      }
      return { fencingToken: createRevision };
    } catch (error) {
      this.locks.delete(lock);
      await this.withdraw(lease, key);
      throw error;
    }
  }

  /** Rejects with LEASELOST if the lock was lost before: another may have held it since. */
  async release(lock: number): Promise<void> {
    const lease = this.locks.get(lock);
    assert(lease !== undefined, "the session does not hold the lock");
    const key = this.contenderKey(lock, lease);
    let tries = 0;
    try {
      const response = await this.retrying(lease, (grpc) => {
        tries++;
        return unary(grpc, METHODS.deleteRange, DeleteRangeRequest.make({ key }));
      });
      // A try whose answer was lost may have deleted the key.
      if (response.deleted === 0 && tries === 1) throw leaseLost();
    } finally {
      this.locks.delete(lock);
    }
  }

  /** Cuts the connection as a failing network would; the lease, and what is held under it, lasts. */
  cut(): void {
    this.channel.leave("cut on request");
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const lease = this.granted;
    const grpc = this.channel.grpc;
    if (lease !== undefined && !lease.lost) {
      lease.lose();
      // A lease that cannot be revoked now expires by itself.
      if (grpc !== undefined) await unary(grpc, METHODS.leaseRevoke, { id: lease.id }).catch(() => {});
    }
    this.channel.close();
    for (const wake of [...this.waitingForChannel, ...this.watching]) wake();
  }

  private contenderKey(lock: number, lease: Lease): Buffer {
    return Buffer.concat([lockPrefix(this.options.root, lock), Buffer.from(lease.id.toString(16))]);
  }

  /** The lease of this session; a new one where there is none, or the last one was lost. */
  private currentLease(): Promise<Lease> {
    if (this.lease === undefined || this.granted?.lost === true) {
      this.granted = undefined;
      const asked = this.grantLease();
      this.lease = asked;
      asked.catch(() => {
        if (this.lease === asked) this.lease = undefined;
      });
    }
    return this.lease;
  }

  private async grantLease(): Promise<Lease> {
    const ttlSeconds = Math.max(1, Math.ceil(this.options.sessionTimeoutMs / 1_000));
    return this.retrying(undefined, async (grpc) => {
      const askedAt = performance.now();
      const response = await unary(grpc, METHODS.leaseGrant, LeaseGrantRequest.make({ ttlSeconds }));
      const lease = new Lease(response.id, response.ttlSeconds, askedAt);
      this.granted = lease;
      if (this.closed) lease.lose();
      else if (this.channel.grpc !== undefined) lease.use(this.channel.grpc);
      return lease;
    });
  }

  /** Joins the queue, or finds the place an earlier try got. */
  private async enter(
    grpc: GrpcConnection,
    lease: Lease,
    prefix: Buffer,
    key: Buffer,
  ): Promise<{ createRevision: number; held: boolean }> {
    const first = RequestOp.make({
      requestRange: RangeRequest.make({
        key: prefix,
        rangeEnd: prefixEnd(prefix),
        limit: 1,
        sortOrder: SORT_ORDER.ascend,
        sortTarget: SORT_TARGET.create,
        keysOnly: true,
      }),
    });
    const response = await unary(
      grpc,
      METHODS.txn,
      TxnRequest.make({
        compare: [Compare.make({ result: COMPARE_RESULT.equal, target: COMPARE_TARGET.create, key })],
        success: [RequestOp.make({ requestPut: PutRequest.make({ key, lease: lease.id }) }), first],
        failure: [RequestOp.make({ requestRange: RangeRequest.make({ key }) }), first],
      }),
    ).catch((error: unknown) => {
      // etcd's name for "requested lease not found".
      throw error instanceof EtcdError && error.code === "NOT_FOUND" ? leaseLost() : error;
    });
    const found = response.responses[0]?.responseRange?.kvs[0]?.createRevision;
    const createRevision = response.succeeded ? response.header?.revision : found;
    assert(createRevision !== undefined, "a key that exists has a revision");
    const holder = response.responses[1]?.responseRange?.kvs[0]?.createRevision;
    return { createRevision, held: holder === createRevision };
  }

  /** Waits until no contender that came before is left. */
  private async waitForTurn(grpc: GrpcConnection, lease: Lease, prefix: Buffer, createRevision: number): Promise<void> {
    for (;;) {
      const before = await unary(
        grpc,
        METHODS.range,
        RangeRequest.make({
          key: prefix,
          rangeEnd: prefixEnd(prefix),
          limit: 1,
          sortOrder: SORT_ORDER.descend,
          sortTarget: SORT_TARGET.create,
          keysOnly: true,
          maxCreateRevision: createRevision - 1,
        }),
      );
      if (before.kvs.length === 0) return;
      await this.deletion(lease, before);
    }
  }

  /** The deletion of the one key of an answer. Rejects if the stream, or the lease, ends. */
  private deletion(lease: Lease, found: RangeResponseMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.stream;
      if (stream === undefined || lease.lost) {
        reject(new EtcdError(CONNECTION_LOSS, "no watch stream"));
        return;
      }
      const end = (act: () => void): void => {
        forget();
        this.watching.delete(streamEnded);
        stream.cancel(watcher);
        act();
      };
      const forget = lease.whenLost(() => end(() => reject(leaseLost())));
      const streamEnded = (): void => end(() => reject(new EtcdError(CONNECTION_LOSS, "the watch stream ended")));
      this.watching.add(streamEnded);
      const watcher = {
        key: found.kvs[0]?.key ?? Buffer.alloc(0),
        startRevision: (found.header?.revision ?? 0) + 1,
        created: () => {},
        changed: (response: { events: { type: number }[] }) => {
          this.events += response.events.length;
          if (response.events.some((event) => event.type === EVENT_TYPE.delete)) end(resolve);
        },
        // What was compacted may have been the deletion: the caller looks again.
        compacted: () => end(resolve),
        refused: (reason: string) => end(() => reject(new EtcdError("INTERNAL", `the watch was refused: ${reason}`))),
      };
      stream.create(watcher);
    });
  }

  /** After a failure the key may still stand in the queue, where it would block everyone behind it. */
  private async withdraw(lease: Lease, key: Buffer): Promise<void> {
    if (lease.lost) return;
    await this.retrying(lease, (grpc) => unary(grpc, METHODS.deleteRange, DeleteRangeRequest.make({ key }))).catch(
      () => {},
    );
  }

  /** Tries until it works, fails for good, or the lease is lost. */
  private async retrying<Result>(
    lease: Lease | undefined,
    act: (grpc: GrpcConnection) => Promise<Result>,
  ): Promise<Result> {
    for (;;) {
      if (this.closed) throw new EtcdError("CANCELLED", "the session was closed");
      if (lease?.lost === true) throw leaseLost();
      const grpc = this.channel.grpc;
      if (grpc === undefined) {
        await this.channelUpOr(lease);
        continue;
      }
      try {
        return await act(grpc);
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (this.channel.grpc !== undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private channelUpOr(lease: Lease | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waitingForChannel.delete(wake);
        forget?.();
        resolve();
      };
      const forget = lease?.whenLost(wake);
      this.waitingForChannel.add(wake);
    });
  }

  channelUp(grpc: GrpcConnection): void {
    this.stream = new WatchStream(grpc, (reason) => {
      this.watchEnded();
      this.channel.leave(reason);
    });
    this.granted?.use(grpc);
    for (const wake of [...this.waitingForChannel]) wake();
  }

  channelDown(): void {
    this.watchEnded();
  }

  private watchEnded(): void {
    this.stream = undefined;
    for (const end of [...this.watching]) end();
  }
}
