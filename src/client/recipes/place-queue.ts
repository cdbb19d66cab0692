import { randomUUID } from "node:crypto";
import type { Zxid } from "../../base/zxid.js";
import { ERROR } from "../../jute/errors.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError, ZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import type { HeldLock } from "./held-lock.js";
import { overConnectionLoss } from "./retry.js";
import { SessionWatch } from "./session-watch.js";
import { Signal, waitForAny } from "./signal.js";

/** A node of a queue, by its name "_c_<guid>-<label><number>". */
export interface QueueEntry {
  readonly name: string;
  readonly label: string;
  /** As the server counts, in 32 bits: it goes on at the negative end. */
  readonly sequence: number;
}

export interface Place {
  readonly path: string;
  readonly name: string;
  readonly czxid: Zxid;
}

export interface HeldPlace extends HeldLock {
  readonly name: string;
  /** For whoever has removed the node otherwise: ends the watch on the session. */
  forget(): void;
}

/** The name of the node to wait for, which is before one's own in the queue; undefined for none: it is one's turn. */
export type WaitsFor = (queue: readonly QueueEntry[], own: number) => string | undefined;

/** Each waits for the one right before it, so that a release wakes one session and not all. */
export const waitForPredecessor: WaitsFor = (queue, own) => queue[own - 1]?.name;

export interface TurnOptions {
  readonly label: string;
  readonly data?: Uint8Array | null;
  /**
   * What to wait for; or how many may have their turn at once, for a queue in which few wait: each of those is woken
   * by every change of the list.
   */
  readonly turn: WaitsFor | number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A queue of ephemeral sequential nodes below `path`: a place is as old as its number says, and goes with its session.
 * The GUID in a name tells whether a create was carried out whose reply was lost. Names are those that Apache Curator's
 * recipes give and understand.
 */
export class PlaceQueue {
  readonly path: string;
  private readonly client: ZooKeeperClient;
  private readonly operation: string;
  private readonly pattern: RegExp;

  /** `operation` stands in errors; nodes with none of the `labels` are strangers and left alone. */
  constructor(client: ZooKeeperClient, path: string, operation: string, labels: readonly string[]) {
    this.client = client;
    this.path = path;
    this.operation = operation;
    this.pattern = new RegExp(`-(${labels.join("|")})(-?\\d+)$`);
  }

  /**
   * Takes a place and waits for its turn, over lost connections. Throws SESSIONEXPIRED where the session ends meanwhile,
   * NONODE where somebody removed the place, and the reason of `signal`; the place is given up then.
   */
  async takeTurn(options: TurnOptions): Promise<HeldPlace> {
    const { label, data = null, turn, signal } = options;
    signal?.throwIfAborted();
    const session = new SessionWatch(this.client, this.operation);
    const guid = randomUUID();
    let place: Place | undefined;
    try {
      place = await this.enqueue(guid, label, data);
      await this.waitForTurn(place, session, turn, signal);
      return this.held(place, session);
    } catch (error) {
      session.stop();
      // Also where the session ended: the client may have renewed it in the middle of queueing.
      await this.leave(guid, label, place);
      signal?.throwIfAborted();
      session.throwIfEnded(this.path);
      throw error;
    }
  }

  /** Where the reply to a create is lost, the node may be there; the GUID in its name tells. */
  async enqueue(guid: string, label: string, data: Uint8Array | null): Promise<Place> {
    const prefix = prefixOf(guid, label);
    return await overConnectionLoss(this.client, async (again) => {
      const place = again ? await this.findOwn(prefix) : undefined;
      return place ?? (await this.createPlace(prefix, data));
    });
  }

  async remove(path: string): Promise<void> {
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.delete(path);
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED")) throw error;
      }
    });
  }

  /** The queue among `children`, the first one first. */
  entries(children: readonly string[]): QueueEntry[] {
    const entries: QueueEntry[] = [];
    for (const name of children) {
      const entry = this.parse(name);
      if (entry !== undefined) entries.push(entry);
    }
    return entries.sort((left, right) => (left.sequence - right.sequence) | 0);
  }

  /** Undefined for a stranger. */
  parse(name: string): QueueEntry | undefined {
    const match = this.pattern.exec(name);
    return match === null ? undefined : { name, label: match[1] as string, sequence: Number(match[2]) };
  }

  private held(place: Place, session: SessionWatch): HeldPlace {
    return {
      name: place.name,
      fencingToken: place.czxid,
      path: place.path,
      lost: session.signal,
      release: async () => {
        session.stop();
        if (!session.ended) await this.remove(place.path);
      },
      forget: () => session.stop(),
    };
  }

  private async createPlace(prefix: string, data: Uint8Array | null): Promise<Place> {
    for (;;) {
      try {
        const { path, stat } = await this.client.create(joinPath(this.path, prefix), data, {
          mode: "ephemeralSequential",
        });
        return { path, name: path.slice(path.lastIndexOf("/") + 1), czxid: stat.czxid };
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
      await ensurePath(this.client, this.path);
    }
  }

  private async findOwn(prefix: string): Promise<Place | undefined> {
    const name = (await this.ownNames(prefix))[0];
    if (name === undefined) return undefined;
    const path = joinPath(this.path, name);
    const stat = await this.client.exists(path);
    return stat === null ? undefined : { path, name, czxid: stat.czxid };
  }

  /** The sync comes first: it is answered after everything the lost connection had under way for this session. */
  private async ownNames(prefix: string): Promise<readonly string[]> {
    await this.client.sync(this.path);
    try {
      const { children } = await this.client.getChildren(this.path);
      return children.filter((child) => child.startsWith(prefix));
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return [];
      throw error;
    }
  }

  private async waitForTurn(
    place: Place,
    session: SessionWatch,
    turn: WaitsFor | number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (;;) {
      session.throwIfEnded(place.path);
      const changed = new Signal();
      const come = await overConnectionLoss(this.client, () =>
        typeof turn === "number"
          ? this.isAmongFirst(place, turn, changed)
          : this.hasNobodyToWaitFor(place, turn, changed),
      );
      if (come) {
        session.throwIfEnded(place.path);
        signal?.throwIfAborted();
        return;
      }
      await waitForAny(changed, session.signal, signal);
      signal?.throwIfAborted();
    }
  }

  /** False once a watch on the node to wait for is set, which raises `changed`. */
  private async hasNobodyToWaitFor(place: Place, turn: WaitsFor, changed: Signal): Promise<boolean> {
    for (;;) {
      const queue = this.entries((await this.client.getChildren(this.path)).children);
      const name = turn(queue, this.indexOf(queue, place));
      if (name === undefined) return true;
      try {
        // getData and not exists, which would leave a watch behind on a node that is gone.
        await this.client.getData(joinPath(this.path, name), changed.raise);
        return false;
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    }
  }

  /** Where false, a watch on the list is set, which raises `changed`. */
  private async isAmongFirst(place: Place, count: number, changed: Signal): Promise<boolean> {
    const queue = this.entries((await this.client.getChildren(this.path, changed.raise)).children);
    return this.indexOf(queue, place) < count;
  }

  private indexOf(queue: readonly QueueEntry[], place: Place): number {
    const index = queue.findIndex((entry) => entry.name === place.name);
    if (index === -1) {
      throw new ZooKeeperError(ERROR.NONODE, this.operation, place.path, { detail: "its node was removed" });
    }
    return index;
  }

  private async leave(guid: string, label: string, place: Place | undefined): Promise<void> {
    try {
      if (place !== undefined) {
        await this.remove(place.path);
        return;
      }
      const names = await overConnectionLoss(this.client, () => this.ownNames(prefixOf(guid, label)));
      for (const name of names) await this.remove(joinPath(this.path, name));
    } catch (error) {
      // The session is over for good, and every place of it in the queue with it.
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }
}

function prefixOf(guid: string, label: string): string {
  return `_c_${guid}-${label}`;
}
