import { randomBelow } from "../../../base/random.js";
import type { KafkaSession } from "../../../targets/driver.js";
import { nowMicros } from "../../load/clock.js";
import type { ActorTurns } from "../actor.js";
import { Bell } from "../bell.js";
import { stepOf, timed } from "../steps.js";
import { KafkaMember } from "./kafka-member.js";

const REPLICAS_MAX = 3;

/**
 * A broker: registers, contends for the controllership, writes the in-sync replicas of the partitions it leads, and is
 * gone after a while. The controller creates the topics and gives the partitions of brokers that went to others.
 * `controller-epoch`: no epoch has two controllers, and epochs grow.
 */
export class BrokerActor extends KafkaMember {
  protected readonly arrival = "broker-register";
  private readonly controllerEpoch = this.stage.tally("controller-epoch");
  private lives = 0;

  protected get lifeMicros(): number {
    return this.workload.brokerLifeMicros;
  }

  protected async live(session: KafkaSession, turns: ActorTurns, untilMicros: number): Promise<void> {
    const broker = this.stage.index;
    await timed(turns, "broker-register", () => session.registerBroker(broker));
    const bell = new Bell();
    let vacant = true;
    let epoch: number | undefined;
    let brokersChanged = true;
    while (!turns.over && nowMicros() < untilMicros) {
      if (vacant) {
        vacant = false;
        epoch = await this.contend(session, turns, () => {
          vacant = true;
          bell.ring();
        });
        brokersChanged = true;
      }
      if (epoch !== undefined && brokersChanged) {
        brokersChanged = false;
        await this.assign(session, turns, epoch, () => {
          brokersChanged = true;
          bell.ring();
        });
      }
      await this.changeIsr(session, turns);
      await bell.heard(turns, this.workload.isrIntervalMicros / 1_000);
    }
    if (epoch !== undefined) this.words.controllerLostAt.exchange(nowMicros());
  }

  private async contend(session: KafkaSession, turns: ActorTurns, onGone: () => void): Promise<number | undefined> {
    const { words } = this;
    const broker = this.stage.index;
    const startedMicros = nowMicros();
    const before = words.epoch.value;
    const epoch = await stepOf(turns, "controller-elect", () => session.becomeController(broker, onGone));
    if (epoch === undefined || turns.givenUp) return undefined;
    const lostMicros = words.controllerLostAt.exchange(0);
    turns.record("controller-elect", lostMicros > 0 ? lostMicros : startedMicros);
    turns.add("controller-elections", 1);
    this.controllerEpoch.observations++;
    if (!words.epochs.take(epoch)) {
      this.controllerEpoch.violated(`broker ${broker} became the controller of epoch ${epoch}, which had one already`);
    } else if (epoch <= before) {
      this.controllerEpoch.violated(`broker ${broker} became the controller of epoch ${epoch} after epoch ${before}`);
    }
    words.epoch.raise(epoch);
    return epoch;
  }

  /** What a controller does on taking over and whenever brokers come or go. */
  private async assign(
    session: KafkaSession,
    turns: ActorTurns,
    epoch: number,
    onBrokersChange: () => void,
  ): Promise<void> {
    const { topics, partitions } = this.workload;
    const brokers = await stepOf(turns, "partition-assign", () => session.liveBrokers(onBrokersChange));
    if (brokers.length === 0) return;
    for (let topic = 0; topic < topics && !turns.over; topic++) {
      const name = `topic-${topic}`;
      const known = await stepOf(turns, "topic-create", () => session.partitionsOf(name));
      if (known === 0) {
        await this.createTopic(session, turns, name, brokers, epoch);
        continue;
      }
      for (let partition = 0; partition < partitions && !turns.over; partition++) {
        const leader = await stepOf(turns, "partition-assign", () => session.leaderOf(name, partition));
        if (brokers.includes(leader)) continue;
        const replicas = replicasOf(brokers, topic + partition);
        await timed(turns, "partition-assign", () => session.assignPartition(name, partition, replicas, epoch));
      }
    }
    if (turns.over) return;
    // One that comes and goes, so that topics are made throughout and do not pile up.
    const passing = `passing-${this.stage.index}-${this.lives++}`;
    await this.createTopic(session, turns, passing, brokers, epoch);
    await timed(turns, "topic-delete", () => session.deleteTopic(passing, partitions));
  }

  private async createTopic(
    session: KafkaSession,
    turns: ActorTurns,
    name: string,
    brokers: readonly number[],
    epoch: number,
  ): Promise<void> {
    const replicas = Array.from({ length: this.workload.partitions }, (_, at) => replicasOf(brokers, at));
    await timed(turns, "topic-create", () => session.createTopic(name, replicas, epoch));
  }

  /** Of a partition drawn, where this broker leads it: shrinks to the leader, or grows again. */
  private async changeIsr(session: KafkaSession, turns: ActorTurns): Promise<void> {
    const { topics, partitions } = this.workload;
    const { random, index } = this.stage;
    const topic = `topic-${randomBelow(random, topics)}`;
    const partition = randomBelow(random, partitions);
    const isr = randomBelow(random, 2) === 0 ? [index] : [index, (index + 1) % this.workload.brokers];
    const startedMicros = nowMicros();
    const changed = await stepOf(turns, "isr-change", () => session.changeIsr(topic, partition, index, isr));
    if (changed) turns.record("isr-change", startedMicros);
  }
}

/** The first is the leader. */
function replicasOf(brokers: readonly number[], from: number): readonly number[] {
  const count = Math.min(REPLICAS_MAX, brokers.length);
  return Array.from({ length: count }, (_, replica) => brokers[(from + replica) % brokers.length] as number);
}
