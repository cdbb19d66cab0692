import type { PubSubSession, SessionOptions, TopicMessage } from "../driver.js";
import { messageName, parseMessageName } from "../message-name.js";
import { prefixEnd } from "./keys.js";
import {
  COMPARE_RESULT,
  COMPARE_TARGET,
  Compare,
  DeleteRangeRequest,
  METHODS,
  PutRequest,
  RequestOp,
  TxnRequest,
} from "./messages.js";
import { Mirrors } from "./mirror.js";
import { unary } from "./unary.js";

const CALLS_MAX = 1024;

/** A message is a key below its topic's prefix, which subscribers watch: events bring the messages, by revision. */
export class EtcdPubSubSession implements PubSubSession {
  private readonly root: string;
  private readonly payload: Buffer;
  private readonly mirrors: Mirrors;

  constructor(options: SessionOptions) {
    this.root = options.root;
    this.payload = Buffer.alloc(options.valueBytes ?? 0, "m");
    this.mirrors = new Mirrors({ ...options, callsMax: CALLS_MAX });
  }

  async open(): Promise<void> {
    await this.mirrors.open();
  }

  /** Only where the key is not there yet: an attempt whose answer was lost may have published it. */
  async publish({ topic, publisher, sequence }: TopicMessage, retained: number): Promise<void> {
    const key = this.key(topic, publisher, sequence);
    const success = [RequestOp.make({ requestPut: PutRequest.make({ key, value: this.payload }) })];
    if (sequence > retained) {
      const old = this.key(topic, publisher, sequence - retained);
      success.push(RequestOp.make({ requestDeleteRange: DeleteRangeRequest.make({ key: old }) }));
    }
    const compare = [Compare.make({ result: COMPARE_RESULT.equal, target: COMPARE_TARGET.create, key })];
    await unary(this.mirrors.connection(), METHODS.txn, TxnRequest.make({ compare, success }));
  }

  async subscribe(topic: number, onMessage: (message: TopicMessage, order: number) => void): Promise<void> {
    const prefix = this.prefix(topic);
    await this.mirrors.keep(
      { key: prefix, rangeEnd: prefixEnd(prefix) },
      {
        put: ({ key, modRevision }) => {
          onMessage({ topic, ...parseMessageName(key.subarray(prefix.length).toString()) }, modRevision);
        },
        deleted: () => {},
        caughtUp: () => {},
      },
    );
  }

  close(): Promise<void> {
    this.mirrors.close();
    return Promise.resolve();
  }

  private prefix(topic: number): Buffer {
    return Buffer.from(`${this.root}/topic/${topic}/`);
  }

  private key(topic: number, publisher: number, sequence: number): Buffer {
    return Buffer.concat([this.prefix(topic), Buffer.from(messageName(publisher, sequence))]);
  }
}
