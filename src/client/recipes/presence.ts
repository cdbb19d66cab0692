import type { Zxid } from "../../base/zxid.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import { parentOf } from "../paths.js";
import { ensurePath } from "./ensure-path.js";
import { Observation } from "./observation.js";
import { overConnectionLoss } from "./retry.js";

/**
 * An ephemeral node that is there for as long as the client has a session: made again in a session that the client
 * renews, and where somebody removed it. Its path must be this one's alone (a GUID), so that a node that is there
 * is known to be ours, also where the reply to its create was lost.
 */
export class Presence {
  readonly path: string;
  private readonly client: ZooKeeperClient;
  private readonly observation: Observation;
  private data: Uint8Array | null;
  private made: Zxid = 0;

  constructor(client: ZooKeeperClient, path: string, data: Uint8Array | null) {
    this.client = client;
    this.path = path;
    this.data = data;
    this.observation = new Observation({ client, path, mode: "persistent", refresh: () => this.refresh() });
  }

  /** Of the node as it was last made. */
  get czxid(): Zxid {
    return this.made;
  }

  /** Aborted once the node is not made again any more: withdrawn, or the session over for good. */
  get ended(): AbortSignal {
    return this.observation.ended;
  }

  /** Resolves once the node is there. */
  async begin(): Promise<void> {
    await this.observation.start();
  }

  /** Of several at once the last one counts, also where connections are lost in between. */
  async update(data: Uint8Array | null): Promise<void> {
    this.data = data;
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.setData(this.path, this.data);
      } catch (error) {
        // It is made again, with this data.
        if (!isZooKeeperError(error, "NONODE")) throw error;
      }
    });
  }

  /** Resolves once the node is gone, or the session is. */
  async withdraw(): Promise<void> {
    await this.observation.stop();
    try {
      await overConnectionLoss(this.client, () => this.client.delete(this.path));
    } catch (error) {
      if (!isZooKeeperError(error, "NONODE", "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async refresh(): Promise<void> {
    for (;;) {
      const stat = await this.client.exists(this.path);
      if (stat !== null) {
        // That of the session before goes with it, which the watch tells.
        this.made = stat.czxid;
        return;
      }
      try {
        this.made = (await this.client.create(this.path, this.data, { mode: "ephemeral" })).stat.czxid;
        return;
      } catch (error) {
        if (isZooKeeperError(error, "NONODE")) await ensurePath(this.client, parentOf(this.path));
        else if (!isZooKeeperError(error, "NODEEXISTS")) throw error;
      }
    }
  }
}
