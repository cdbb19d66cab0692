import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { LeaderElection, type Leadership } from "../../client/recipes/leader-election.js";
import type { ElectionSession, LeaderSession } from "../driver.js";

function electionPath(root: string): string {
  return `${root}/election`;
}

export class ZooKeeperElectionSession implements ElectionSession {
  private readonly client: ZooKeeperClient;
  private readonly election: LeaderElection;
  private leadership: Leadership | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.election = new LeaderElection(client, electionPath(root));
  }

  async campaign(): Promise<{ readonly term: number }> {
    assert(this.leadership === undefined, "this session leads already");
    this.leadership = await this.election.campaign();
    return { term: this.leadership.term };
  }

  async resign(): Promise<void> {
    const { leadership } = this;
    assert(leadership, "this session does not lead");
    this.leadership = undefined;
    await leadership.resign();
  }

  cut(): void {
    this.client.disconnect();
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

export class ZooKeeperLeaderSession implements LeaderSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  async observe(onLeader: (term: number) => void): Promise<void> {
    await new LeaderElection(this.client, electionPath(this.root)).observe((leader) => {
      if (leader !== null) onLeader(leader.term);
    });
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
