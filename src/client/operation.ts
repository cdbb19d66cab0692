import { ByteReader, MalformedBytesError } from "../base/bytes.js";
import type { Zxid } from "../base/zxid.js";
import { ERROR } from "../jute/errors.js";
import type { OrderedDelivery } from "./delivery.js";
import { REPLY_BYTES_MAX } from "./limits.js";
import type { ReplyHandler } from "./pending.js";

export type Outcome<T> =
  | { readonly error: 0; readonly value: T; readonly zxid: Zxid }
  | { readonly error: number; readonly cause?: unknown; readonly zxid: Zxid };

/** One request of a person: reads its reply while the bytes are there, and settles a promise in its turn. */
export class Operation<T> implements ReplyHandler {
  private readonly delivery: OrderedDelivery;
  private readonly decode: (reader: ByteReader) => T;
  /** Runs before the next frame is read, so that a watch is registered before any event of it. */
  private readonly answered: (error: number) => void;
  private readonly resolve: (outcome: Outcome<T>) => void;
  /** What was wrong with the reply, for which the session then drops the connection. */
  private malformed: MalformedBytesError | undefined;

  constructor(
    delivery: OrderedDelivery,
    decode: (reader: ByteReader) => T,
    answered: (error: number) => void,
    resolve: (outcome: Outcome<T>) => void,
  ) {
    this.delivery = delivery;
    this.decode = decode;
    this.answered = answered;
    this.resolve = resolve;
  }

  onReply(_token: number, error: number, zxid: Zxid, bytes: Buffer, start: number, end: number): void {
    if (error !== ERROR.OK) {
      this.answered(error);
      this.deliver({ error, cause: this.malformed, zxid });
      return;
    }
    let value: T;
    try {
      value = this.decode(new ByteReader(bytes, start, end, REPLY_BYTES_MAX));
    } catch (cause) {
      if (cause instanceof MalformedBytesError) {
        this.malformed = cause;
        throw cause;
      }
      this.deliver({ error: ERROR.SYSTEMERROR, cause, zxid });
      return;
    }
    this.answered(ERROR.OK);
    this.deliver({ error: ERROR.OK, value, zxid });
  }

  private deliver(outcome: Outcome<T>): void {
    if (this.delivery.idle) this.resolve(outcome);
    else this.delivery.settle(() => this.resolve(outcome));
  }
}
