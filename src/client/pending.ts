/** Takes the outcome of a request. One handler may serve any number of requests, told apart by `token`. */
export interface ReplyHandler {
  /**
   * `error` is 0 or a code of the protocol; `zxid` is the one of the reply header, 0 where the request was never
   * answered. The body is `bytes` from `start` to `end`, valid during the call only. Throws MalformedBytesError for a
   * body that is not what was asked for, before it has done anything else: that ends the connection, and then the
   * request as one that was never answered, by another call.
   */
  onReply(token: number, error: number, zxid: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * The requests that await a reply, oldest first. Replies come in the order of the requests, so their xids need not be
 * stored, and two arrays hold everything: nothing is allocated per request.
 */
export class PendingRequests {
  private handlers: (ReplyHandler | undefined)[] = new Array<ReplyHandler | undefined>(64).fill(undefined);
  private tokens = new Int32Array(64);
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(handler: ReplyHandler, token: number): void {
    if (this.count === this.tokens.length) this.grow();
    const at = (this.head + this.count) & (this.tokens.length - 1);
    this.handlers[at] = handler;
    this.tokens[at] = token;
    this.count++;
  }

  /** The token of the oldest; read before `shift`. */
  get token(): number {
    return this.tokens[this.head] as number;
  }

  shift(): ReplyHandler | undefined {
    if (this.count === 0) return undefined;
    const handler = this.handlers[this.head];
    this.handlers[this.head] = undefined;
    this.head = (this.head + 1) & (this.tokens.length - 1);
    this.count--;
    return handler;
  }

  /** Undoes a `shift`. */
  putBack(handler: ReplyHandler, token: number): void {
    if (this.count === this.tokens.length) this.grow();
    this.head = (this.head - 1) & (this.tokens.length - 1);
    this.handlers[this.head] = handler;
    this.tokens[this.head] = token;
    this.count++;
  }

  private grow(): void {
    const capacity = this.tokens.length;
    const handlers = new Array<ReplyHandler | undefined>(capacity * 2).fill(undefined);
    const tokens = new Int32Array(capacity * 2);
    for (let index = 0; index < this.count; index++) {
      const from = (this.head + index) & (capacity - 1);
      handlers[index] = this.handlers[from];
      tokens[index] = this.tokens[from] as number;
    }
    this.handlers = handlers;
    this.tokens = tokens;
    this.head = 0;
  }
}
