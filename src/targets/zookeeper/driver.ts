import type { ZooKeeperClient } from "../../client/client.js";
import {
  type LoadSession,
  type LoadSessionOptions,
  openerOf,
  type Recipe,
  type RecipeSessions,
  type SessionOptions,
  type TargetDriver,
  type TreeShape,
  type ValueBytes,
} from "../driver.js";
import type { Address, TargetName } from "../target.js";
import { openLoadSession } from "./load-session.js";
import { createdOrders, populateKeys, removeTree } from "./populate.js";
import { connectTo, SESSION_OPENERS } from "./sessions.js";

/** Drives whatever speaks ZooKeeper's client protocol: the core and Apache ZooKeeper, by the very same code. */
export class ZooKeeperDriver implements TargetDriver {
  readonly target: TargetName;
  private readonly members: readonly Address[];
  private connecting: Promise<ZooKeeperClient> | undefined;

  constructor(target: TargetName, members: readonly Address[]) {
    this.target = target;
    this.members = members;
  }

  async populate(root: string, keys: number, valueBytes: ValueBytes, tree?: TreeShape): Promise<void> {
    await populateKeys(await this.client(), root, keys, valueBytes, tree);
  }

  async remove(root: string): Promise<void> {
    await removeTree(await this.client(), root);
  }

  async createdOrders(root: string): Promise<ReadonlySet<number>> {
    return await createdOrders(await this.client(), root);
  }

  openLoadSession(options: LoadSessionOptions): Promise<LoadSession> {
    return openLoadSession(options);
  }

  openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    return openerOf(SESSION_OPENERS, recipe, this.target)(options);
  }

  async close(): Promise<void> {
    const client = await this.connecting?.catch(() => undefined);
    this.connecting = undefined;
    await client?.close();
  }

  private client(): Promise<ZooKeeperClient> {
    this.connecting ??= connectTo(this.members, 0).catch((error: unknown) => {
      this.connecting = undefined;
      throw error;
    });
    return this.connecting;
  }
}
