import type { Zxid } from "../../base/zxid.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import type { AcquireOptions } from "./held-lock.js";
import { type Listener, ListenerTurns } from "./listener.js";
import { Observation } from "./observation.js";
import { PlaceQueue, waitForPredecessor } from "./place-queue.js";
import { overConnectionLoss } from "./retry.js";

export interface LeaderElectionOptions {
  /** What others learn of this candidate while it leads: its name, its address. */
  readonly data?: Uint8Array;
}

export interface Leader {
  /** The czxid of the leader's node: grows with every change of leader. */
  readonly term: Zxid;
  readonly path: string;
  readonly data: Buffer | null;
}

export interface Leadership {
  /** The fencing token of this leadership: what it writes elsewhere is refused once a greater one was seen there. */
  readonly term: Zxid;
  readonly path: string;
  /** Aborted once the session is over and the leadership with it; see `HeldLock.lost`. */
  readonly lost: AbortSignal;
  /** Makes way for the next candidate. Resolves where the leadership is gone already. */
  resign(): Promise<void>;
}

export interface LeaderObservation {
  /** As last read; null while nobody leads. */
  readonly leader: Leader | null;
  /** Aborted once it is kept current no more: stopped, or the session over for good. */
  readonly ended: AbortSignal;
  stop(): Promise<void>;
}

/** As Apache Curator's latch names its nodes. */
const LABEL = "latch-";

/**
 * Candidates stand in a queue of ephemeral sequential nodes below `path`; the first of them leads. Each watches the one
 * before it, so the loss of a leader wakes one candidate.
 *
 * @example
 * const election = new LeaderElection(client, "/services/scheduler/leader", { data: Buffer.from("host-7") });
 * const leadership = await election.campaign();
 * leadership.lost.addEventListener("abort", () => scheduler.stop());
 * await scheduler.run(leadership.term);
 * await leadership.resign();
 */
export class LeaderElection {
  private readonly client: ZooKeeperClient;
  private readonly path: string;
  private readonly queue: PlaceQueue;
  private readonly data: Uint8Array | null;

  constructor(client: ZooKeeperClient, path: string, options: LeaderElectionOptions = {}) {
    this.client = client;
    this.path = path;
    this.queue = new PlaceQueue(client, path, "election", [LABEL]);
    this.data = options.data ?? null;
  }

  /** Waits until this candidate leads; fails as `ExclusiveLock.acquire` does, and is no candidate any more then. */
  async campaign(options: AcquireOptions = {}): Promise<Leadership> {
    const place = await this.queue.takeTurn({
      label: LABEL,
      data: this.data,
      turn: waitForPredecessor,
      signal: options.signal,
    });
    return {
      term: place.fencingToken,
      path: place.path,
      lost: place.lost,
      resign: () => place.release(),
    };
  }

  /** Who leads, as this client's server knows; null for nobody. */
  async leader(): Promise<Leader | null> {
    return await overConnectionLoss(this.client, () => this.readLeader());
  }

  /**
   * Calls `listener` with the leader that there is, then with every change, in order; of changes that follow at once
   * possibly the last only. Goes on over lost connections, and in the session a client renews.
   */
  async observe(listener: Listener<Leader | null>): Promise<LeaderObservation> {
    const turns = new ListenerTurns<Leader | null>(this.client, listener);
    let leader: Leader | null | undefined;
    const observation = new Observation({
      client: this.client,
      path: this.path,
      mode: "persistent",
      refresh: async () => {
        const now = await this.readLeader(leader ?? undefined);
        if (leader !== undefined && now?.term === leader?.term) return;
        leader = now;
        turns.tell(now);
      },
    });
    await observation.start();
    return {
      get leader() {
        return leader ?? null;
      },
      ended: observation.ended,
      stop: async () => {
        turns.stop();
        await observation.stop();
      },
    };
  }

  /** `known` is not read again where it is still the first. */
  private async readLeader(known?: Leader): Promise<Leader | null> {
    for (;;) {
      try {
        const first = this.queue.entries((await this.client.getChildren(this.path)).children)[0];
        if (first === undefined) return null;
        const path = joinPath(this.path, first.name);
        if (path === known?.path) return known;
        const read = await this.readNode(path);
        if (read !== undefined) return read;
      } catch (error) {
        if (isZooKeeperError(error, "NONODE")) return null;
        throw error;
      }
    }
  }

  private async readNode(path: string): Promise<Leader | undefined> {
    try {
      const { data, stat } = await this.client.getData(path);
      return { term: stat.czxid, path, data };
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return undefined;
      throw error;
    }
  }
}
