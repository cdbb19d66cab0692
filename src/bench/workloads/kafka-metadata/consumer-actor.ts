import type { KafkaSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { ActorTurns } from "../actor.js";
import { Bell } from "../bell.js";
import { StepFailed, stepOf, timed } from "../steps.js";
import { KafkaMember } from "./kafka-member.js";

/** Before a partition that another still owns, or a topic that is not there yet, is asked for again. */
const RETRY_MS = 5;

/**
 * A consumer of one group: joins, shares the partitions out with the other members whenever those change, commits the
 * offsets of its own, and is gone after a while. `partition-ownership`: a partition has one owner in a group at a time;
 * `offsets`: who takes a partition over finds no offset below one that was committed.
 */
export class ConsumerActor extends KafkaMember {
  protected readonly arrival = "consumer-join";
  private readonly group = (this.stage.index - this.workload.brokers) % this.workload.groups;
  private readonly ownership = this.stage.tally("partition-ownership");
  private readonly offsets = this.stage.tally("offsets");
  /** Partitions it owns, by number over all topics, with the offset of each. */
  private readonly owned = new Map<number, number>();

  protected get lifeMicros(): number {
    return this.workload.consumerLifeMicros;
  }

  protected override left(): void {
    this.disown();
  }

  protected async live(session: KafkaSession, turns: ActorTurns, untilMicros: number): Promise<void> {
    const { commitIntervalMicros } = this.workload;
    const bell = new Bell();
    let stale = true;
    await timed(turns, "consumer-join", () => session.joinGroup(this.group, this.stage.index));
    while (!turns.over && nowMicros() < untilMicros) {
      if (stale) {
        stale = false;
        const startedMicros = nowMicros();
        const settled = await this.rebalance(session, turns, () => {
          stale = true;
          bell.ring();
        });
        if (settled) turns.record("rebalance", startedMicros);
        else if (!stale) {
          stale = true;
          await bell.heard(turns, RETRY_MS);
        }
        continue;
      }
      for (const [partition, offset] of this.owned) {
        if (stale || turns.over) break;
        await timed(turns, "offset-commit", () => session.commitOffset(this.group, partition, offset + 1));
        if (turns.givenUp) return;
        this.words.offset(this.group, partition).raise(offset + 1);
        this.owned.set(partition, offset + 1);
        turns.add("offset-commits", 1);
        if (commitIntervalMicros > 0) await bell.heard(turns, commitIntervalMicros / 1_000);
      }
      if (this.owned.size === 0) await bell.heard(turns, (untilMicros - nowMicros()) / 1_000);
    }
  }

  /** Releases all, and claims what is its share among the members there are. False where that has to be tried again. */
  private async rebalance(session: KafkaSession, turns: ActorTurns, onChange: () => void): Promise<boolean> {
    const { group } = this;
    const { topics, partitions } = this.workload;
    const own = this.stage.index;
    for (const partition of this.disown()) {
      await stepOf(turns, "rebalance", () => session.releasePartition(group, partition));
    }
    let changed = false;
    const members = await stepOf(turns, "rebalance", () =>
      session.groupMembers(group, () => {
        changed = true;
        onChange();
      }),
    );
    const place = members.indexOf(own);
    if (place === -1) throw new StepFailed("this member's registration is gone");
    for (let topic = 0; topic < topics; topic++) {
      const known = await stepOf(turns, "rebalance", () => session.partitionsOf(`topic-${topic}`));
      if (known === 0) return false;
      for (let each = 0; each < known; each++) {
        const partition = topic * partitions + each;
        if (partition % members.length !== place) continue;
        while (!(await stepOf(turns, "rebalance", () => session.claimPartition(group, partition, own)))) {
          // Its owner has yet to hear of the change, or this one has of the next.
          if (changed || turns.over) return false;
          await turns.pause(RETRY_MS);
        }
        if (turns.givenUp) return false;
        await this.own(session, turns, partition);
      }
    }
    return !changed;
  }

  private async own(session: KafkaSession, turns: ActorTurns, partition: number): Promise<void> {
    const { group } = this;
    const consumer = this.stage.index;
    this.ownership.observations++;
    const owners = this.words.owners(group, partition).add(1) - 1;
    this.owned.set(partition, 0);
    if (owners > 0) {
      this.ownership.violated(
        `consumer ${consumer} was given partition ${partition} of group ${group} while ${owners} owned it`,
      );
    }
    const committed = this.words.offset(group, partition).value;
    const offset = await timed(turns, "offset-fetch", () => session.fetchOffset(group, partition));
    this.offsets.observations++;
    if (offset < committed) {
      this.offsets.violated(
        `consumer ${consumer} took partition ${partition} of group ${group} over at offset ${offset}, after ${committed} was committed`,
      );
    }
    this.owned.set(partition, offset);
  }

  /** Before they are released, so that nobody can be given one while this consumer still counts. */
  private disown(): readonly number[] {
    const partitions = [...this.owned.keys()];
    for (const partition of partitions) this.words.owners(this.group, partition).add(-1);
    this.owned.clear();
    return partitions;
  }
}
