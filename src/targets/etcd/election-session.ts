import type { ElectionSession, SessionOptions } from "../driver.js";
import { EtcdLockSession } from "./lock-session.js";

/** The lock whose queue the candidates stand in. */
export const ELECTION_LOCK = 0;

/**
 * A candidate as in etcd's own concurrency package, where an election is a lock: every candidate has a key under its
 * lease, the one created first leads, and the term is the revision that created it.
 */
export class EtcdElectionSession implements ElectionSession {
  private readonly lock: EtcdLockSession;

  constructor(options: SessionOptions) {
    this.lock = new EtcdLockSession(options);
  }

  async open(): Promise<void> {
    await this.lock.open();
  }

  async campaign(): Promise<{ readonly term: number }> {
    return { term: (await this.lock.acquire(ELECTION_LOCK)).fencingToken };
  }

  async resign(): Promise<void> {
    await this.lock.release(ELECTION_LOCK);
  }

  cut(): void {
    this.lock.cut();
  }

  async close(): Promise<void> {
    await this.lock.close();
  }
}
