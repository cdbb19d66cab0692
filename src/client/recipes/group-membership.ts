import { randomUUID } from "node:crypto";
import type { Zxid } from "../../base/zxid.js";
import type { ZooKeeperClient } from "../client.js";
import { joinPath } from "../paths.js";
import { ChildrenCache } from "./children-cache.js";
import { type Listener, ListenerTurns } from "./listener.js";
import { Presence } from "./presence.js";

export interface Member {
  /** Unique, for as long as the membership lasts, also in renewed sessions. */
  readonly id: string;
  readonly data: Buffer | null;
  /** The czxid of the member's node: a later one where it had to join again. */
  readonly joinedAt: Zxid;
}

export interface Membership {
  readonly id: string;
  readonly path: string;
  /** Aborted once this is no member for good: left, or the session over and not renewed. */
  readonly ended: AbortSignal;
  update(data: Uint8Array | null): Promise<void>;
  leave(): Promise<void>;
}

export interface MembersObservation {
  /** As last read, in the order in which they joined. */
  readonly members: readonly Member[];
  /** Aborted once they are kept current no more: stopped, or the session over for good. */
  readonly ended: AbortSignal;
  stop(): Promise<void>;
}

/**
 * Members are ephemeral nodes below `path`, so one is gone when its session is. A client that renews its session joins
 * again by itself, under the same id; so does a member whose node somebody removed.
 *
 * @example
 * const group = new GroupMembership(client, "/groups/workers");
 * const membership = await group.join(Buffer.from("host-7"));
 * const observation = await group.watch((members) => rebalance(members));
 * await observation.stop();
 * await membership.leave();
 */
export class GroupMembership {
  private readonly client: ZooKeeperClient;
  private readonly path: string;

  constructor(client: ZooKeeperClient, path: string) {
    this.client = client;
    this.path = path;
  }

  /** Resolves once others can see this member. */
  async join(data: Uint8Array | null = null): Promise<Membership> {
    const id = randomUUID();
    const presence = new Presence(this.client, joinPath(this.path, id), data);
    await presence.begin();
    return {
      id,
      path: presence.path,
      ended: presence.ended,
      update: (changed) => presence.update(changed),
      leave: () => presence.withdraw(),
    };
  }

  /**
   * Calls `listener` with the members there are, then with all of them after every change, in order; changes that
   * follow at once may come as one. Goes on over lost connections, and in the session a client renews.
   */
  async watch(listener: Listener<readonly Member[]>): Promise<MembersObservation> {
    const turns = new ListenerTurns(this.client, listener);
    let members: readonly Member[] = [];
    const cache = new ChildrenCache(this.client, this.path, () => {
      members = [...cache.nodes]
        .map(([id, { data, stat }]) => ({ id, data, joinedAt: stat.czxid }))
        .sort((left, right) => left.joinedAt - right.joinedAt);
      turns.tell(members);
    });
    await cache.start();
    return {
      get members() {
        return members;
      },
      ended: cache.ended,
      stop: async () => {
        turns.stop();
        await cache.stop();
      },
    };
  }
}
