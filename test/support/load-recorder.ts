import assert from "node:assert/strict";
import type { LoadListener } from "../../src/targets/driver.js";

export interface Ended {
  readonly slot: number;
  readonly error: string;
  readonly order: number;
  readonly written: number;
}

/** Keeps what a load session says, and checks that every slot ends once for each submission. */
export class LoadRecorder implements LoadListener {
  readonly outcomes: Ended[] = [];
  /** Of outcomes and changes of the connection, in the order they came. */
  readonly events: string[] = [];
  readonly busy = new Set<number>();
  /** Called with each outcome: a closed loop submits the next operation here. */
  onEnded: (ended: Ended) => void = () => {};
  private wake: () => void = () => {};

  /** To be called for every submission. */
  submitted(slot: number): number {
    assert.ok(!this.busy.has(slot), `slot ${slot} is in use`);
    this.busy.add(slot);
    return slot;
  }

  ended(slot: number, error: string, order: number, written: number): void {
    assert.ok(this.busy.delete(slot), `slot ${slot} ended without being in use`);
    const ended = { slot, error, order, written };
    this.outcomes.push(ended);
    this.events.push(error === "" ? "ok" : error);
    this.onEnded(ended);
    this.wake();
  }

  brokeProtocol(detail: string): void {
    this.events.push(`broke its protocol: ${detail}`);
    this.wake();
  }

  disconnected(): void {
    this.events.push("disconnected");
    this.wake();
  }

  reconnected(renewed: boolean): void {
    this.events.push(renewed ? "renewed" : "reconnected");
    this.wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
