import { ERROR } from "../../jute/errors.js";
import { OP } from "../../jute/opcodes.js";
import type { Id } from "../../jute/records.js";
import type { CorePort } from "./core-port.js";
import { CoreError, CoreSession, type Decode, type Encode } from "./core-session.js";
import type { Caller } from "./exchange.js";
import { GATEWAY_LIMITS } from "./limits.js";
import type { GatewaySession } from "./sessions.js";

/** A sync is for the whole tree, whatever path it names. */
const ROOT: Encode = (writer) => writer.string("/");
const NOTHING = (): void => {};

/**
 * The sessions of the gateway itself, for requests that come without one. Reads have one of their own: in one session they
 * would wait for the writes of clients they know nothing of. A client's own order is kept where its connection is, since
 * that has one request at a time, and a write is answered when it is applied here.
 */
export class OwnSessions {
  readonly reads: CoreSession;
  readonly writes: CoreSession;
  /** Of their own as well: in one session, writes wait for the syncs before them. */
  readonly syncs: CoreSession;

  constructor(port: CorePort) {
    const options = { timeoutMs: GATEWAY_LIMITS.ownSessionTimeoutMs, remoteAddress: "http-gateway", permanent: true };
    this.reads = new CoreSession(port, options);
    this.writes = new CoreSession(port, options);
    this.syncs = new CoreSession(port, options);
  }

  private get all(): readonly CoreSession[] {
    return [this.reads, this.writes, this.syncs];
  }

  get isOpen(): boolean {
    return this.all.every((session) => session.isOpen);
  }

  /** Throws CoreError CONNECTIONLOSS where this server serves nobody for so long. */
  async whenOpen(waitMs: number): Promise<void> {
    await Promise.all(this.all.map((session) => session.whenOpen(waitMs)));
    // The one may be lost while the other comes.
    if (!this.isOpen) throw new CoreError(ERROR.CONNECTIONLOSS);
  }

  /** Where they cannot be closed in time they are left to their timeouts. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GATEWAY_LIMITS.closeWaitMs);
    });
    await Promise.race([Promise.all(this.all.map((session) => session.close())), late]);
    clearTimeout(timer);
    for (const session of this.all) session.end();
  }
}

export class SessionlessCaller implements Caller {
  readonly hasSession = false;
  readonly ids: readonly Id[];
  private readonly own: OwnSessions;

  constructor(own: OwnSessions, ids: readonly Id[]) {
    this.own = own;
    this.ids = ids;
  }

  read<T>(op: number, encode: Encode, decode: Decode<T>): T {
    return this.own.reads.read(op, encode, decode, this.ids);
  }

  write<T>(op: number, encode: Encode, decode: Decode<T>): Promise<T> {
    return this.own.writes.request(op, encode, decode, this.ids);
  }

  sync(): Promise<void> {
    return this.own.syncs.request(OP.sync, ROOT, NOTHING, this.ids);
  }
}

/** All in one session, in order. */
export class SessionCaller implements Caller {
  readonly hasSession = true;
  private readonly session: GatewaySession;

  constructor(session: GatewaySession) {
    this.session = session;
  }

  get ids(): readonly Id[] {
    return this.session.ids;
  }

  read<T>(op: number, encode: Encode, decode: Decode<T>): Promise<T> {
    return this.session.core.request(op, encode, decode, this.ids);
  }

  write<T>(op: number, encode: Encode, decode: Decode<T>): Promise<T> {
    return this.session.core.request(op, encode, decode, this.ids);
  }

  sync(): Promise<void> {
    return this.session.core.request(OP.sync, ROOT, NOTHING, this.ids);
  }
}
