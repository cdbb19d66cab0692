import type { StateChange, ZooKeeperClient } from "../client.js";
import { isZooKeeperError } from "../errors.js";
import type { WatchEvent } from "../watches.js";
import { overConnectionLoss } from "./retry.js";
import { Signal, waitForAny } from "./signal.js";

/** The paths of what may have changed, or "everything": at first, and after every reconnect. */
export type Changes = ReadonlySet<string> | "everything";

export interface ObservationOptions {
  readonly client: ZooKeeperClient;
  readonly path: string;
  /** Of the node and its list of children, or of every node at and below `path`, but no list of children. */
  readonly mode: "persistent" | "persistentRecursive";
  /**
   * Brings what is kept up to date by reading it. Called one at a time. Where it fails with CONNECTIONLOSS, it is called
   * again for everything; any other error ends the observation.
   */
  readonly refresh: (changes: Changes) => Promise<void>;
}

/**
 * Keeps something current by a persistent watch. No change is missed: what changes during a refresh causes the next
 * one. A server tells nothing of what changed while there was no connection, so everything is read again after each
 * reconnect, also into a renewed session; the client has set the watch again before that.
 */
export class Observation {
  /** Aborted once nothing is kept current any more: stopped, the session over for good, or not allowed to read. */
  readonly ended: AbortSignal;
  private readonly options: ObservationOptions;
  private readonly ending = new AbortController();
  private changed = new Set<string>();
  private everything = true;
  private wake = new Signal();
  private running: Promise<void> = Promise.resolve();

  constructor(options: ObservationOptions) {
    this.options = options;
    this.ended = this.ending.signal;
  }

  /** Resolves after the first refresh. Where that fails, nothing is left behind. */
  async start(): Promise<void> {
    const { client, path, mode } = this.options;
    client.on("state", this.onState);
    try {
      await overConnectionLoss(client, () => client.addWatch(path, mode, this.onEvent), this.ended);
      await this.catchUp();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.running = this.run();
  }

  /** Nothing is refreshed once it has resolved. */
  async stop(): Promise<void> {
    this.end(new Error("stopped"));
    await this.running;
    const removed = this.removeWatch();
    // Without a connection, the watch is removed once there is one.
    if (this.options.client.connected) await removed;
  }

  private async removeWatch(): Promise<void> {
    const { client, path } = this.options;
    try {
      await overConnectionLoss(client, () => client.removeWatches(path, "any", this.onEvent));
    } catch (error) {
      if (!isZooKeeperError(error, "NOWATCHER", "SESSIONEXPIRED", "AUTHFAILED")) throw error;
    }
  }

  private async run(): Promise<void> {
    try {
      for (;;) {
        await waitForAny(this.wake, this.ended);
        if (this.ended.aborted) return;
        await this.catchUp();
      }
    } catch (error) {
      this.end(error);
    }
  }

  private async catchUp(): Promise<void> {
    await overConnectionLoss(
      this.options.client,
      async (again) => {
        if (again) this.everything = true;
        await this.options.refresh(this.take());
      },
      this.ended,
    );
  }

  private take(): Changes {
    const changes = this.everything ? "everything" : this.changed;
    this.changed = new Set();
    this.everything = false;
    this.wake = new Signal();
    return changes;
  }

  private end(reason: unknown): void {
    this.options.client.off("state", this.onState);
    this.ending.abort(reason);
  }

  private readonly onEvent = (event: WatchEvent): void => {
    this.changed.add(event.path);
    this.wake.raise();
  };

  private readonly onState = (change: StateChange): void => {
    if (change.state === "connected") {
      this.everything = true;
      this.wake.raise();
    } else if (
      change.state === "closed" ||
      change.state === "authFailed" ||
      (change.state === "expired" && !change.renewing)
    ) {
      this.end(new Error(`the session is over: ${change.state}`));
    }
  };
}
