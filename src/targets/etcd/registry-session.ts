import { assert } from "../../base/assert.js";
import { LeastLoaded } from "../../client/recipes/least-loaded.js";
import type { RegistrySession, SessionOptions } from "../driver.js";
import { EtcdError } from "./errors.js";
import type { GrpcConnection } from "./grpc.js";
import { prefixEnd } from "./keys.js";
import { Lease } from "./lease.js";
import { DeleteRangeRequest, LeaseGrantRequest, METHODS, PutRequest } from "./messages.js";
import { Mirrors } from "./mirror.js";
import { unary } from "./unary.js";

const CALLS_MAX = 1024;
/** What a choice adds to the load of a provider here, until it reports its load again. */
const LOAD_PER_CHOICE = 1;

/**
 * A provider is a key under a lease, whose value is its load; it goes when the lease is revoked or expires. A consumer reads
 * all of them and watches the prefix from that revision on.
 */
export class EtcdRegistrySession implements RegistrySession {
  private readonly options: SessionOptions;
  private readonly mirrors: Mirrors;
  private readonly prefix: Buffer;
  private readonly byLoad = new LeastLoaded<string>();
  private lease: Lease | undefined;
  private name: string | undefined;

  constructor(options: SessionOptions) {
    this.options = options;
    this.prefix = Buffer.from(`${options.root}/registry/`);
    this.mirrors = new Mirrors({ ...options, callsMax: CALLS_MAX }, (grpc) => this.lease?.use(grpc));
  }

  async open(): Promise<void> {
    await this.mirrors.open();
  }

  async enter(name: string): Promise<void> {
    assert(this.name === undefined, "a session is registered once at a time");
    const grpc = this.mirrors.connection();
    this.lease ??= await this.grant(grpc);
    this.name = name;
    await this.put(0);
  }

  async leave(): Promise<void> {
    if (this.name === undefined) return;
    const key = this.key(this.name);
    this.name = undefined;
    await unary(this.mirrors.connection(), METHODS.deleteRange, DeleteRangeRequest.make({ key }));
  }

  async report(load: number): Promise<void> {
    if (this.name !== undefined) await this.put(load);
  }

  async observe(onNames: (names: readonly string[]) => void): Promise<void> {
    const names = new Set<string>();
    const nameOf = (key: Buffer): string => key.subarray(this.prefix.length).toString();
    await this.mirrors.keep(
      { key: this.prefix, rangeEnd: prefixEnd(this.prefix) },
      {
        put: ({ key, value }) => {
          const name = nameOf(key);
          names.add(name);
          this.byLoad.set(name, name, Number(value.toString()));
        },
        deleted: (key) => {
          const name = nameOf(key);
          names.delete(name);
          this.byLoad.delete(name);
        },
        caughtUp: () => onNames([...names]),
      },
    );
  }

  pick(): string | undefined {
    return this.byLoad.choose(LOAD_PER_CHOICE);
  }

  /** Revokes the lease, so that the provider is gone at once. */
  async close(): Promise<void> {
    const { lease } = this;
    this.lease = undefined;
    if (lease !== undefined && !lease.lost) {
      lease.lose();
      try {
        await unary(this.mirrors.connection(), METHODS.leaseRevoke, { id: lease.id });
      } catch (error) {
        // A lease that cannot be revoked now expires by itself.
        if (!(error instanceof EtcdError)) throw error;
      }
    }
    this.mirrors.close();
  }

  private async grant(grpc: GrpcConnection): Promise<Lease> {
    const askedAt = performance.now();
    const ttlSeconds = Math.max(1, Math.ceil(this.options.sessionTimeoutMs / 1_000));
    const granted = await unary(grpc, METHODS.leaseGrant, LeaseGrantRequest.make({ ttlSeconds }));
    const lease = new Lease(granted.id, granted.ttlSeconds, askedAt);
    lease.use(this.mirrors.connection());
    return lease;
  }

  private async put(load: number): Promise<void> {
    const { name, lease } = this;
    assert(name !== undefined && lease !== undefined, "who reports a load is registered");
    const value = Buffer.from(String(load));
    const request = PutRequest.make({ key: this.key(name), value, lease: lease.id });
    await unary(this.mirrors.connection(), METHODS.put, request);
  }

  private key(name: string): Buffer {
    return Buffer.concat([this.prefix, Buffer.from(name)]);
  }
}
