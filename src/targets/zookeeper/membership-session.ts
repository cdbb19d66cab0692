import { assert } from "../../base/assert.js";
import type { ZooKeeperClient } from "../../client/client.js";
import { GroupMembership, type Membership } from "../../client/recipes/group-membership.js";
import type { RosterSession } from "../driver.js";
import { flushEvents } from "./flush-events.js";
import { onRosterLoss } from "./roster-loss.js";

/** The `GroupMembership` recipe; the name is the member's data. */
export class ZooKeeperMembershipSession implements RosterSession {
  private readonly client: ZooKeeperClient;
  private readonly group: GroupMembership;
  private membership: Membership | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.group = new GroupMembership(client, `${root}/group`);
  }

  async enter(name: string): Promise<void> {
    assert(this.membership === undefined, "a session is a member once at a time");
    this.membership = await this.group.join(Buffer.from(name));
  }

  async leave(): Promise<void> {
    const { membership } = this;
    this.membership = undefined;
    await membership?.leave();
  }

  async observe(onNames: (names: readonly string[]) => void): Promise<void> {
    await this.group.watch((members) => onNames(members.map((member) => String(member.data))));
  }

  async flush(): Promise<void> {
    await flushEvents(this.client);
  }

  onLoss(doubtful: () => void, returns: () => void): void {
    onRosterLoss(this.client, doubtful, returns);
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
