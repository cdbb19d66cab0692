import { ERROR } from "../../jute/errors.js";
import type { StateChange, ZooKeeperClient } from "../client.js";
import { ZooKeeperError } from "../errors.js";

/**
 * Whether the session that the client had or was after when this was made is still the same and alive; with `orRenewed`,
 * whether the client has a session or may come to have one.
 */
export class SessionWatch {
  private readonly controller = new AbortController();
  private readonly client: ZooKeeperClient;
  private readonly operation: string;
  private readonly orRenewed: boolean;

  constructor(client: ZooKeeperClient, operation: string, orRenewed = false) {
    this.client = client;
    this.operation = operation;
    this.orRenewed = orRenewed;
    client.on("state", this.onState);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get ended(): boolean {
    return this.signal.aborted;
  }

  throwIfEnded(path: string): void {
    if (this.ended) throw new ZooKeeperError(ERROR.SESSIONEXPIRED, this.operation, path);
  }

  stop(): void {
    this.client.off("state", this.onState);
  }

  private readonly onState = (change: StateChange): void => {
    if (change.state === "connected" || change.state === "disconnected") return;
    if (this.orRenewed && change.state === "expired" && change.renewing) return;
    this.stop();
    this.controller.abort(new ZooKeeperError(ERROR.SESSIONEXPIRED, this.operation));
  };
}
