/**
 * Answers leave together at the end of a turn of the event loop: a client that waits for several is woken up once, and a
 * write to a client that sleeps costs as much processor time as all the rest of a request.
 */
export class Outbox {
  private due: (() => void)[] = [];

  private readonly flush = (): void => {
    const { due } = this;
    this.due = [];
    for (const send of due) send();
  };

  add(send: () => void): void {
    if (this.due.push(send) === 1) setImmediate(this.flush);
  }
}
