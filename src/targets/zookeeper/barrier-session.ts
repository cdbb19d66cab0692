import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { type BarrierRound, DoubleBarrier } from "../../client/recipes/double-barrier.js";
import type { BarrierSession } from "../driver.js";

export class ZooKeeperBarrierSession implements BarrierSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private round: BarrierRound | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  async enter(parties: number): Promise<void> {
    assert(this.round === undefined, "this session is inside the barrier already");
    this.round = await new DoubleBarrier(this.client, `${this.root}/barrier`, { parties }).enter();
  }

  async leave(): Promise<void> {
    const { round } = this;
    assert(round, "this session is not inside the barrier");
    this.round = undefined;
    await round.leave();
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
