/** Raised once; may be raised before anybody waits. */
export class Signal {
  readonly raised: Promise<void>;
  raise: () => void = () => undefined;

  constructor() {
    this.raised = new Promise((resolve) => {
      this.raise = resolve;
    });
  }
}

/** Resolves once `signal` was raised or one of the others aborted. Who waits asks them which it was. */
export async function waitForAny(signal: Signal, ...others: readonly (AbortSignal | undefined)[]): Promise<void> {
  const over = new Signal();
  for (const other of others) {
    if (other?.aborted) return;
    other?.addEventListener("abort", over.raise, { once: true });
  }
  await Promise.race([signal.raised, over.raised]);
  for (const other of others) other?.removeEventListener("abort", over.raise);
}

/** As `waitForAny`, with a time instead of a signal. */
export async function waitAtMost(milliseconds: number, ...others: readonly (AbortSignal | undefined)[]): Promise<void> {
  const over = new Signal();
  const timer = setTimeout(over.raise, milliseconds);
  await waitForAny(over, ...others);
  clearTimeout(timer);
}
