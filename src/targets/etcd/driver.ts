import { assert } from "../../base/assert.js";
import {
  FLAT,
  type LoadSession,
  type LoadSessionOptions,
  openerOf,
  type Recipe,
  type RecipeSessions,
  type SessionOpeners,
  type SessionOptions,
  type TargetDriver,
  type TreeShape,
  type ValueBytes,
} from "../driver.js";
import { OpenSessions, openDriver } from "../opening.js";
import type { Address } from "../target.js";
import { Channel } from "./channel.js";
import { EtcdConfigurationSession } from "./configuration-session.js";
import { EtcdElectionSession } from "./election-session.js";
import { CONNECTION_LOSS, EtcdError } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { prefixEnd, valueKeys } from "./keys.js";
import { EtcdLeaderSession } from "./leader-session.js";
import { EtcdLoadSession } from "./load-session.js";
import { EtcdLockSession } from "./lock-session.js";
import {
  DeleteRangeRequest,
  METHODS,
  PutRequest,
  RangeRequest,
  RequestOp,
  type RequestOpMessage,
  TxnRequest,
} from "./messages.js";
import { EtcdPubSubSession } from "./pub-sub-session.js";
import { EtcdQueueSession } from "./queue-session.js";
import { EtcdRegistrySession } from "./registry-session.js";
import { unary } from "./unary.js";
import { EtcdWatchSession } from "./watch-session.js";

const CONNECT_TIMEOUT_MS = 10_000;
const CALLS_MAX = 64;
/** etcd's defaults: --max-txn-ops, and well below --max-request-bytes. */
const TRANSACTION_PUTS_MAX = 128;
const TRANSACTION_BYTES_MAX = 1_000_000;
/** What a put takes beside its key and value, at the most. */
const PUT_BYTES = 32;
const TRANSACTIONS_AT_ONCE = 8;
/** One large deletion would hold up everyone else for as long as it takes. */
const DELETE_KEYS_MAX = 5_000;

class EtcdDriver implements TargetDriver {
  readonly target = "etcd";
  private readonly channel: Channel;
  private readonly sessions = new OpenSessions();
  private readonly openers: SessionOpeners = {
    lock: (options) => this.sessions.open(new EtcdLockSession(options)),
    watch: (options) => this.sessions.open(new EtcdWatchSession(options)),
    election: (options) => this.sessions.open(new EtcdElectionSession(options)),
    leader: (options) => this.sessions.open(new EtcdLeaderSession(options)),
    queue: (options) => this.sessions.open(new EtcdQueueSession(options)),
    pubSub: (options) => this.sessions.open(new EtcdPubSubSession(options)),
    registry: (options) => this.sessions.open(new EtcdRegistrySession(options)),
    configuration: (options) => this.sessions.open(new EtcdConfigurationSession(options)),
  };

  constructor(members: readonly Address[]) {
    const options = { members, index: 0, sessionTimeoutMs: CONNECT_TIMEOUT_MS, callsMax: CALLS_MAX };
    this.channel = new Channel(options, { channelUp: () => {}, channelDown: () => {} });
  }

  open(): Promise<void> {
    return this.channel.open();
  }

  async populate(root: string, keys: number, valueBytes: ValueBytes, tree: TreeShape = FLAT): Promise<void> {
    assert(tree.depth === 0, "etcd has no folders, and the workload's kind says so");
    const sizeOf = typeof valueBytes === "number" ? () => valueBytes : valueBytes;
    const names = valueKeys(root);
    await unary(this.connection(), METHODS.put, PutRequest.make({ key: Buffer.from(root), value: Buffer.alloc(0) }));
    let longest = Buffer.alloc(0);
    let next = 0;
    const putRest = async (): Promise<void> => {
      while (next < keys) {
        const success: RequestOpMessage[] = [];
        for (let bytes = 0; next < keys && success.length < TRANSACTION_PUTS_MAX; next++) {
          const size = sizeOf(next);
          bytes += size + names.lengthBytes + PUT_BYTES;
          if (success.length > 0 && bytes > TRANSACTION_BYTES_MAX) break;
          if (size > longest.length) longest = Buffer.alloc(size, "zabench ");
          const put = PutRequest.make({ key: names.key(next), value: longest.subarray(0, size) });
          success.push(RequestOp.make({ requestPut: put }));
        }
        await unary(this.connection(), METHODS.txn, TxnRequest.make({ success }));
      }
    };
    await Promise.all(Array.from({ length: TRANSACTIONS_AT_ONCE }, putRest));
  }

  async remove(root: string): Promise<void> {
    const below = Buffer.from(`${root}/`);
    const rangeEnd = prefixEnd(below);
    for (;;) {
      const some = await unary(
        this.connection(),
        METHODS.range,
        RangeRequest.make({ key: below, rangeEnd, limit: DELETE_KEYS_MAX, keysOnly: true }),
      );
      const last = some.kvs.at(-1);
      if (last === undefined) break;
      const end = Buffer.concat([last.key, Buffer.alloc(1)]);
      await unary(this.connection(), METHODS.deleteRange, DeleteRangeRequest.make({ key: below, rangeEnd: end }));
    }
    await unary(this.connection(), METHODS.deleteRange, DeleteRangeRequest.make({ key: Buffer.from(root) }));
  }

  async createdOrders(root: string): Promise<ReadonlySet<number>> {
    const rangeEnd = prefixEnd(Buffer.from(`${root}/`));
    const orders = new Set<number>();
    for (let key = Buffer.from(`${root}/`); ; ) {
      const some = await unary(
        this.connection(),
        METHODS.range,
        RangeRequest.make({ key, rangeEnd, limit: DELETE_KEYS_MAX, keysOnly: true }),
      );
      for (const each of some.kvs) orders.add(each.createRevision);
      const last = some.kvs.at(-1);
      if (last === undefined) return orders;
      key = Buffer.concat([last.key, Buffer.alloc(1)]);
    }
  }

  openLoadSession(options: LoadSessionOptions): Promise<LoadSession> {
    return this.sessions.open(new EtcdLoadSession(options));
  }

  openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    return openerOf(this.openers, recipe, this.target)(options);
  }

  async close(): Promise<void> {
    this.channel.close();
    await this.sessions.close();
  }

  private connection(): GrpcConnection {
    const grpc = this.channel.grpc;
    if (grpc === undefined) throw new EtcdError(CONNECTION_LOSS, "not connected");
    return grpc;
  }
}

/** Connects to a cluster; throws UserError `targetUnreachable` where no member serves within ten seconds. */
export async function createEtcdDriver(members: readonly Address[]): Promise<TargetDriver> {
  return await openDriver(new EtcdDriver(members), members, EtcdError);
}
