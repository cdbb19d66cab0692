/**
 * Runs something once at the end of the current turn of the event loop, after every socket that was ready has been read:
 * so all writes of a turn go to the log as one batch, and all replies leave together: a client that waits for several
 * is woken up once, and so is one that the first reply would have woken up before the second is written.
 */
export class EndOfTurn {
  private scheduled = false;
  private readonly run: () => void;

  constructor(work: () => void) {
    this.run = () => {
      try {
        work();
      } finally {
        this.scheduled = false;
      }
    };
  }

  /**
   * Returns whether this was the first call of the turn. From within the work itself it does nothing: the work ends with
   * what it caused.
   */
  schedule(): boolean {
    if (this.scheduled) return false;
    this.scheduled = true;
    setImmediate(this.run);
    return true;
  }
}
