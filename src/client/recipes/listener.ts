import type { ZooKeeperClient } from "../client.js";

/** Called with one value after the other; a returned promise is waited for before the next call. */
export type Listener<T> = (value: T) => void | Promise<void>;

/**
 * Hands values to a listener in order, without holding up whoever tells them. What a listener throws goes where a
 * throwing watch callback's error goes: to the client's "watcherError", or without a listener for that to the process.
 */
export class ListenerTurns<T> {
  private readonly client: ZooKeeperClient;
  private readonly listener: Listener<T>;
  private turn: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(client: ZooKeeperClient, listener: Listener<T>) {
    this.client = client;
    this.listener = listener;
  }

  tell(value: T): void {
    this.turn = this.turn
      .then(() => (this.stopped ? undefined : this.listener(value)))
      .catch((error: unknown) => this.client.reportWatcherError(error));
  }

  /** No call begins after it. */
  stop(): void {
    this.stopped = true;
  }
}
