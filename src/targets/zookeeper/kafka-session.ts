import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import type { MultiRequest } from "../../client/multi.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import type { KafkaSession } from "../driver.js";

interface PartitionState {
  readonly controller_epoch: number;
  readonly leader: number;
  readonly version: 1;
  readonly leader_epoch: number;
  readonly isr: readonly number[];
}

const FOLDERS = ["/brokers/ids", "/brokers/topics", "/consumers"] as const;

/**
 * The nodes of Kafka before it kept its metadata itself (KafkaZkClient of 2.x, and the consumer's of 0.8): registrations
 * and ownership are ephemerals, a controller is elected together with its epoch, and partition states are written by
 * version.
 */
export class ZooKeeperKafkaSession implements KafkaSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  /** Version of /controller_epoch since this session became the controller: every write of its is tied to it. */
  private controllerVersion = -1;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  async open(): Promise<void> {
    for (const folder of FOLDERS) {
      await overConnectionLoss(this.client, () => ensurePath(this.client, this.root + folder));
    }
    await this.createUnlessThere("/controller_epoch", "0");
  }

  async registerBroker(broker: number): Promise<void> {
    const registration = { version: 4, host: "127.0.0.1", port: 9092, endpoints: ["PLAINTEXT://127.0.0.1:9092"] };
    const registered = await this.createOwn(`/brokers/ids/${broker}`, JSON.stringify(registration));
    assert(registered, `broker ${broker} is registered by another session`);
  }

  async liveBrokers(onChange: () => void): Promise<readonly number[]> {
    const { children } = await this.reading(() => this.client.getChildren(`${this.root}/brokers/ids`, onChange));
    return children.map(Number).sort((a, b) => a - b);
  }

  async becomeController(broker: number, onGone: () => void): Promise<number | undefined> {
    const controller = `${this.root}/controller`;
    const epochPath = `${this.root}/controller_epoch`;
    const data = Buffer.from(JSON.stringify({ version: 1, brokerid: broker }));
    return await overConnectionLoss(this.client, async (again) => {
      for (;;) {
        const { data: stored, stat } = await this.client.getData(epochPath);
        const epoch = Number(stored);
        if (again && (await this.isOwn(controller))) {
          this.controllerVersion = stat.version;
          return epoch;
        }
        try {
          await this.client.multi([
            { op: "create", path: controller, data, mode: "ephemeral" },
            { op: "setData", path: epochPath, data: Buffer.from(String(epoch + 1)), version: stat.version },
          ]);
          this.controllerVersion = stat.version + 1;
          return epoch + 1;
        } catch (error) {
          if (!isZooKeeperError(error, "NODEEXISTS", "BADVERSION")) throw error;
        }
        try {
          // getData, which leaves no watch behind where the controller has gone in between.
          await this.client.getData(controller, onGone);
          return undefined;
        } catch (error) {
          if (!isZooKeeperError(error, "NONODE")) throw error;
        }
      }
    });
  }

  async createTopic(
    topic: string,
    replicas: readonly (readonly number[])[],
    controllerEpoch: number,
  ): Promise<boolean> {
    const path = this.topicPath(topic);
    const assignment = { version: 1, partitions: { ...replicas } };
    const create = (at: string, value: object | null): MultiRequest => ({ op: "create", path: at, data: json(value) });
    return await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.multi([
          this.controllerCheck(),
          create(path, assignment),
          create(`${path}/partitions`, null),
          ...replicas.flatMap((isr, partition) => [
            create(`${path}/partitions/${partition}`, null),
            create(`${path}/partitions/${partition}/state`, {
              controller_epoch: controllerEpoch,
              leader: isr[0],
              version: 1,
              leader_epoch: 0,
              isr,
            }),
          ]),
        ]);
        return true;
      } catch (error) {
        if (isZooKeeperError(error, "NODEEXISTS")) return again;
        throw error;
      }
    });
  }

  async deleteTopic(topic: string, partitions: number): Promise<void> {
    const path = this.topicPath(topic);
    const below = Array.from({ length: partitions }, (_, partition) => [
      `${path}/partitions/${partition}/state`,
      `${path}/partitions/${partition}`,
    ]);
    const paths = [...below.flat(), `${path}/partitions`, path];
    await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.multi([
          this.controllerCheck(),
          ...paths.map((each): MultiRequest => ({ op: "delete", path: each })),
        ]);
      } catch (error) {
        if (!(again && isZooKeeperError(error, "NONODE"))) throw error;
      }
    });
  }

  async partitionsOf(topic: string): Promise<number> {
    try {
      const { data } = await this.reading(() => this.client.getData(this.topicPath(topic)));
      return Object.keys((JSON.parse(String(data)) as { partitions: object }).partitions).length;
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return 0;
      throw error;
    }
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    return (await this.stateOf(topic, partition)).state.leader;
  }

  async assignPartition(
    topic: string,
    partition: number,
    replicas: readonly number[],
    controllerEpoch: number,
  ): Promise<void> {
    for (;;) {
      const { state, version } = await this.stateOf(topic, partition);
      const next: PartitionState = {
        ...state,
        controller_epoch: controllerEpoch,
        leader: replicas[0] as number,
        leader_epoch: state.leader_epoch + 1,
        isr: replicas,
      };
      if (await this.writeState(topic, partition, next, version, [this.controllerCheck()])) return;
    }
  }

  async changeIsr(topic: string, partition: number, broker: number, isr: readonly number[]): Promise<boolean> {
    try {
      const { state, version } = await this.stateOf(topic, partition);
      if (state.leader !== broker) return false;
      return await this.writeState(topic, partition, { ...state, isr }, version, []);
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return false;
      throw error;
    }
  }

  async joinGroup(group: number, consumer: number): Promise<void> {
    await overConnectionLoss(this.client, async () => {
      await ensurePath(this.client, `${this.groupPath(group)}/ids`);
      await ensurePath(this.client, `${this.groupPath(group)}/owners`);
      await ensurePath(this.client, `${this.groupPath(group)}/offsets`);
    });
    const joined = await this.createOwn(
      `/consumers/${group}/ids/${consumer}`,
      JSON.stringify({ version: 1, pattern: "static" }),
    );
    assert(joined, `consumer ${consumer} of group ${group} is there in another session`);
  }

  async groupMembers(group: number, onChange: () => void): Promise<readonly number[]> {
    const { children } = await this.reading(() => this.client.getChildren(`${this.groupPath(group)}/ids`, onChange));
    return children.map(Number).sort((a, b) => a - b);
  }

  async claimPartition(group: number, partition: number, consumer: number): Promise<boolean> {
    return await this.createOwn(`/consumers/${group}/owners/${partition}`, String(consumer));
  }

  async releasePartition(group: number, partition: number): Promise<void> {
    await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.delete(`${this.groupPath(group)}/owners/${partition}`);
      } catch (error) {
        if (!(again && isZooKeeperError(error, "NONODE"))) throw error;
      }
    });
  }

  async fetchOffset(group: number, partition: number): Promise<number> {
    try {
      const { data } = await this.reading(() => this.client.getData(this.offsetPath(group, partition)));
      return Number(data);
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return 0;
      throw error;
    }
  }

  async commitOffset(group: number, partition: number, offset: number): Promise<void> {
    const path = this.offsetPath(group, partition);
    const data = Buffer.from(String(offset));
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.setData(path, data);
      } catch (error) {
        if (!isZooKeeperError(error, "NONODE")) throw error;
        await ensurePath(this.client, path);
        await this.client.setData(path, data);
      }
    });
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async stateOf(
    topic: string,
    partition: number,
  ): Promise<{ readonly state: PartitionState; readonly version: number }> {
    const path = this.statePath(topic, partition);
    const { data, stat } = await this.reading(() => this.client.getData(path));
    return { state: JSON.parse(String(data)) as PartitionState, version: stat.version };
  }

  /** False where somebody wrote it since `version`. */
  private async writeState(
    topic: string,
    partition: number,
    state: PartitionState,
    version: number,
    checks: readonly MultiRequest[],
  ): Promise<boolean> {
    const path = this.statePath(topic, partition);
    const write: MultiRequest = { op: "setData", path, data: json(state), version };
    return await overConnectionLoss(this.client, async () => {
      try {
        await this.client.multi([...checks, write]);
        return true;
      } catch (error) {
        if (!isZooKeeperError(error, "BADVERSION")) throw error;
      }
      // A controller that has been replaced must not try again; nor does BADVERSION tell by itself whose it was.
      if (checks.length > 0) await this.client.multi(checks);
      return false;
    });
  }

  /** The check that ties a write to this session's time as the controller. */
  private controllerCheck(): MultiRequest {
    assert(this.controllerVersion !== -1, "this session is not the controller");
    return { op: "check", path: `${this.root}/controller_epoch`, version: this.controllerVersion };
  }

  /** Creates an ephemeral; false where another session's is there. */
  private async createOwn(path: string, value: string): Promise<boolean> {
    const full = this.root + path;
    return await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.create(full, Buffer.from(value), { mode: "ephemeral" });
        return true;
      } catch (error) {
        if (isZooKeeperError(error, "NODEEXISTS")) return again && (await this.isOwn(full));
        throw error;
      }
    });
  }

  private async isOwn(path: string): Promise<boolean> {
    const stat = await this.client.exists(path);
    return stat?.ephemeralOwner === this.client.sessionId;
  }

  private async createUnlessThere(path: string, value: string): Promise<void> {
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.create(this.root + path, Buffer.from(value));
      } catch (error) {
        if (!isZooKeeperError(error, "NODEEXISTS")) throw error;
      }
    });
  }

  private reading<T>(read: () => Promise<T>): Promise<T> {
    return overConnectionLoss(this.client, read);
  }

  private topicPath(topic: string): string {
    return `${this.root}/brokers/topics/${topic}`;
  }

  private statePath(topic: string, partition: number): string {
    return `${this.topicPath(topic)}/partitions/${partition}/state`;
  }

  private groupPath(group: number): string {
    return `${this.root}/consumers/${group}`;
  }

  private offsetPath(group: number, partition: number): string {
    return `${this.groupPath(group)}/offsets/${partition}`;
  }
}

function json(value: object | null): Buffer | null {
  return value === null ? null : Buffer.from(JSON.stringify(value));
}
