import { randomUUID } from "node:crypto";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { requireArgument } from "./arguments.js";
import { ensurePath } from "./ensure-path.js";
import type { AcquireOptions } from "./held-lock.js";
import { overConnectionLoss } from "./retry.js";
import { SessionWatch } from "./session-watch.js";
import { Signal, waitForAny } from "./signal.js";

export interface DoubleBarrierOptions {
  /** How many must come before anybody goes on; the same number for everybody who uses the path. */
  readonly parties: number;
}

export interface BarrierRound {
  /** From 0; one for each time that all came together. */
  readonly round: number;
  /** Aborted once the session is over, which the others take for having left. */
  readonly lost: AbortSignal;
  /** Waits until everybody has left who entered in this round. Where `signal` ends the wait, this one has left. */
  leave(options?: AcquireOptions): Promise<void>;
}

const ROUND = "round";
const PARTIES = "parties";

/**
 * Parties begin together and end together, round after round. The version of the node `path`/round is the number of
 * the round that gathers. Who enters makes an ephemeral node in `path`/parties, in one transaction with a check that
 * the round still gathers; whoever finds that enough have come counts the round up, once, by its version. Everybody
 * else watches that one node, whose version only grows: a party that was away while the others went on finds out when
 * it is back, and one that comes late is of the next round.
 *
 * On the way out, the first by name of those still inside keeps its node until it is alone and watches the last one;
 * everybody else removes theirs and watches the first one. So each leaver is woken about once.
 *
 * Where more than `parties` come at the same moment, all of them are in the round.
 *
 * @example
 * const barrier = new DoubleBarrier(client, "/jobs/42/phase", { parties: 5 });
 * const round = await barrier.enter();
 * await compute();
 * await round.leave();
 */
export class DoubleBarrier {
  private readonly client: ZooKeeperClient;
  private readonly parties: number;
  private readonly roundPath: string;
  private readonly partiesPath: string;

  constructor(client: ZooKeeperClient, path: string, options: DoubleBarrierOptions) {
    const { parties } = options;
    requireArgument(Number.isInteger(parties) && parties > 0, "barrier", path, `${parties} is no number of parties`);
    this.client = client;
    this.parties = parties;
    this.roundPath = joinPath(path, ROUND);
    this.partiesPath = joinPath(path, PARTIES);
  }

  /**
   * Waits until all have come, over lost connections. Throws SESSIONEXPIRED where the session ends meanwhile, and the
   * reason of `signal` where that is aborted: this party counts no more then, unless the round went on in that moment.
   */
  async enter(options: AcquireOptions = {}): Promise<BarrierRound> {
    const { signal } = options;
    signal?.throwIfAborted();
    const session = new SessionWatch(this.client, "barrier");
    const guid = randomUUID();
    let name: string | undefined;
    try {
      const round = await this.comeIn(guid, session);
      name = nameOf(round, guid);
      await this.waitForOthers(round, session, signal);
      session.throwIfEnded(this.roundPath);
      return this.entered(round, name, session);
    } catch (error) {
      session.stop();
      await this.withdraw(guid, name);
      signal?.throwIfAborted();
      session.throwIfEnded(this.roundPath);
      throw error;
    }
  }

  private entered(round: number, name: string, session: SessionWatch): BarrierRound {
    return {
      round,
      lost: session.signal,
      leave: async ({ signal } = {}) => {
        try {
          await this.waitForLeave(round, name, signal);
        } finally {
          session.stop();
        }
      },
    };
  }

  /** The round of which this party is. Where a reply was lost, its node tells; the sync lets what is under way pass. */
  private async comeIn(guid: string, session: SessionWatch): Promise<number> {
    return await overConnectionLoss(this.client, async (again) => {
      session.throwIfEnded(this.partiesPath);
      if (again) {
        await this.client.sync(this.partiesPath);
        const own = await this.findOwn(guid);
        if (own !== undefined) return roundOf(own);
      }
      for (;;) {
        try {
          const round = (await this.client.exists(this.roundPath))?.version;
          if (round === undefined) {
            await ensurePath(this.client, this.roundPath);
            await ensurePath(this.client, this.partiesPath);
            continue;
          }
          await this.client.multi([
            { op: "check", path: this.roundPath, version: round },
            { op: "create", path: joinPath(this.partiesPath, nameOf(round, guid)), mode: "ephemeral" },
          ]);
          return round;
        } catch (error) {
          // The round went on in between; or who made the folders is not done yet.
          if (isZooKeeperError(error, "NONODE")) await ensurePath(this.client, this.partiesPath);
          else if (!isZooKeeperError(error, "BADVERSION")) throw error;
        }
      }
    });
  }

  private async waitForOthers(round: number, session: SessionWatch, signal: AbortSignal | undefined): Promise<void> {
    // Those who come after this one count themselves, so it is enough to count once.
    const enough = await overConnectionLoss(this.client, async () => {
      return (await this.partiesOf(round)).length >= this.parties;
    });
    if (enough) await overConnectionLoss(this.client, () => this.goOn(round));
    for (;;) {
      const changed = new Signal();
      const stat = await overConnectionLoss(
        this.client,
        async () => (await this.client.getData(this.roundPath, changed.raise)).stat,
      );
      if (stat.version > round) return;
      await waitForAny(changed, session.signal, signal);
      session.throwIfEnded(this.roundPath);
      signal?.throwIfAborted();
    }
  }

  private async goOn(round: number): Promise<void> {
    try {
      await this.client.setData(this.roundPath, null, round);
    } catch (error) {
      if (!isZooKeeperError(error, "BADVERSION")) throw error;
    }
  }

  private async waitForLeave(round: number, own: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      for (;;) {
        signal?.throwIfAborted();
        const gone = new Signal();
        const done = await overConnectionLoss(this.client, () => this.hasNobodyInside(round, own, gone), signal);
        if (done) return;
        await waitForAny(gone, signal);
      }
    } catch (error) {
      await this.remove(own);
      throw error;
    }
  }

  /** False once a watch on the node to wait for is set, which raises `gone`. */
  private async hasNobodyInside(round: number, own: string, gone: Signal): Promise<boolean> {
    for (;;) {
      const inside = await this.partiesOf(round);
      const first = inside[0];
      if (first === undefined) return true;
      const last = inside.at(-1) as string;
      if (first === own && last === own) {
        await this.delete(own);
        return true;
      }
      if (first !== own && inside.includes(own)) await this.delete(own);
      try {
        await this.client.getData(joinPath(this.partiesPath, first === own ? last : first), gone.raise);
        return false;
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    }
  }

  private async partiesOf(round: number): Promise<string[]> {
    const { children } = await this.client.getChildren(this.partiesPath);
    return children.filter((name) => roundOf(name) === round).sort();
  }

  private async findOwn(guid: string): Promise<string | undefined> {
    try {
      return (await this.client.getChildren(this.partiesPath)).children.find((name) => name.endsWith(guid));
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return undefined;
      throw error;
    }
  }

  private async withdraw(guid: string, name: string | undefined): Promise<void> {
    try {
      if (name !== undefined) {
        await this.remove(name);
        return;
      }
      const own = await overConnectionLoss(this.client, async () => {
        await this.client.sync(this.partiesPath);
        return await this.findOwn(guid);
      });
      if (own !== undefined) await this.remove(own);
    } catch (error) {
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async remove(name: string): Promise<void> {
    try {
      await overConnectionLoss(this.client, () => this.delete(name));
    } catch (error) {
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async delete(name: string): Promise<void> {
    try {
      await this.client.delete(joinPath(this.partiesPath, name));
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE")) throw error;
    }
  }
}

function nameOf(round: number, guid: string): string {
  return `${round}-${guid}`;
}

function roundOf(name: string): number {
  return Number(name.slice(0, name.indexOf("-")));
}
