/**
 * Runs something once at the end of the current turn of the event loop, after every socket that was ready has been read:
 * so all writes of a turn go to the log as one batch.
 */
export class EndOfTurn {
  private scheduled = false;
  private readonly run: () => void;

  constructor(work: () => void) {
    this.run = () => {
      this.scheduled = false;
      work();
    };
  }

  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.run);
  }
}
