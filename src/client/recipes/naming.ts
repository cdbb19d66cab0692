import { randomUUID } from "node:crypto";
import { ERROR } from "../../jute/errors.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError, ZooKeeperError } from "../errors.js";
import { PlaceQueue } from "./place-queue.js";

const LABEL = "id-";

/**
 * Gives out unique ids: 0, 1, 2, and so on to 2^31 - 1, to whoever asks at `path`, for as long as the node `path` is
 * there. An id is the number that the server appends to an ephemeral sequential node, so nobody waits for anybody else.
 * Where the reply is lost, the GUID in the name finds the node, and the call returns its number: every call that succeeds
 * takes one id. An id is skipped only where the session of a caller ended before it had the reply, or its process.
 *
 * @example
 * const naming = new Naming(client, "/ids/orders");
 * const id = await naming.next();
 */
export class Naming {
  private readonly path: string;
  private readonly queue: PlaceQueue;

  constructor(client: ZooKeeperClient, path: string) {
    this.path = path;
    this.queue = new PlaceQueue(client, path, "naming", [LABEL]);
  }

  /** Greater than every id whose call had returned before this one began. Throws SYSTEMERROR where all are used up. */
  async next(): Promise<number> {
    const place = await this.queue.enqueue(randomUUID(), LABEL, null);
    // Not waited for: the number is used up, and the node goes with the session at the latest.
    void this.forget(place.path);
    const id = this.queue.parse(place.name)?.sequence ?? -1;
    if (id < 0) throw new ZooKeeperError(ERROR.SYSTEMERROR, "naming", this.path, { detail: "every id is used up" });
    return id;
  }

  private async forget(path: string): Promise<void> {
    try {
      await this.queue.remove(path);
    } catch (error) {
      if (!isZooKeeperError(error, "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }
}
