import type { ActorTurns } from "./actor.js";

/** How often who waits looks whether the round is over. */
const LOOK_MS = 50;

/** What wakes an actor. Rung while nobody waits, it wakes the next who does. */
export class Bell {
  private rung = false;
  private wake: () => void = () => undefined;

  readonly ring = (): void => {
    this.rung = true;
    this.wake();
  };

  /** Resolves with true once it was rung, with false after `millis` or when the round is over. */
  async heard(turns: ActorTurns, millis = Number.POSITIVE_INFINITY): Promise<boolean> {
    const untilMs = performance.now() + millis;
    while (!this.rung) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0 || turns.over) return false;
      await this.next(Math.min(leftMs, LOOK_MS));
    }
    this.rung = false;
    return true;
  }

  private next(millis: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
