import { RingBuffer } from "../base/ring.js";
import type { WatchEvent, Watcher } from "./watches.js";

interface Call {
  readonly watcher: Watcher;
  readonly event: WatchEvent;
}

type Delivery = { readonly settle: () => void } | { readonly calls: readonly Call[] };

/**
 * Hands replies and watch events to people in the order in which they came. A reply settles a promise, whose
 * continuations run in microtasks; so an event that follows it waits for the next turn of the event loop, and no
 * callback runs before the reply that registered it. Replies behind an event wait until its callbacks have been begun,
 * so nobody is told new data before the event. They do not wait for a promise a callback returned: it may be waiting
 * for them.
 */
export class OrderedDelivery {
  private readonly queue = new RingBuffer<Delivery>();
  private readonly calls = new RingBuffer<Call>();
  private readonly onCallbackError: (error: unknown) => void;
  private scheduled = false;
  private calling = false;

  constructor(onCallbackError: (error: unknown) => void) {
    this.onCallbackError = onCallbackError;
  }

  /** True where a reply may be settled at once. */
  get idle(): boolean {
    return this.queue.length === 0;
  }

  settle(settle: () => void): void {
    if (this.idle) settle();
    else this.queue.push({ settle });
  }

  event(event: WatchEvent, watchers: readonly Watcher[]): void {
    this.queue.push({ calls: watchers.map((watcher) => ({ watcher, event })) });
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.drain);
  }

  private readonly drain = (): void => {
    this.scheduled = false;
    let settled = false;
    for (let next = this.queue.peek(); next !== undefined; next = this.queue.peek()) {
      if ("settle" in next) {
        settled = true;
        this.queue.shift();
        next.settle();
        continue;
      }
      if (settled) {
        this.schedule();
        return;
      }
      this.queue.shift();
      for (const call of next.calls) this.calls.push(call);
      if (!this.calling) this.callNext();
    }
  };

  private callNext(): void {
    for (let call = this.calls.shift(); call !== undefined; call = this.calls.shift()) {
      try {
        const result = call.watcher(call.event);
        if (result !== undefined) {
          this.calling = true;
          result.catch(this.onCallbackError).finally(() => {
            this.calling = false;
            this.callNext();
          });
          return;
        }
      } catch (error) {
        this.onCallbackError(error);
      }
    }
  }
}
