import { ERROR } from "../../jute/errors.js";
import type { ZooKeeperClient } from "../client.js";
import { isZooKeeperError, MultiError, ZooKeeperError } from "../errors.js";
import { joinPath } from "../paths.js";
import { requireArgument } from "./arguments.js";
import { ensurePath } from "./ensure-path.js";
import { Receipts } from "./receipts.js";
import { overConnectionLoss } from "./retry.js";

export interface CounterValue {
  readonly value: number;
  /** Of the node: how often the counter has been changed. */
  readonly version: number;
}

const RECEIPTS = "receipts";

/**
 * A number in the node `path`, as decimal text, that many may add to. Each addition is a compare-and-set by the version
 * of the node, repeated while others come first, and applied exactly once: it is one transaction with a receipt
 * (`path`/receipts), whose version tells whether it was carried out where the reply is lost, also after the session
 * expired, where the client renews it. Where it does not, SESSIONEXPIRED leaves the outcome open.
 *
 * @example
 * const counter = new Counter(client, "/stats/orders");
 * const { value } = await counter.add(1);
 * await counter.close();
 */
export class Counter {
  private readonly client: ZooKeeperClient;
  private readonly path: string;
  private readonly receipts: Receipts;

  constructor(client: ZooKeeperClient, path: string) {
    this.client = client;
    this.path = path;
    this.receipts = new Receipts(client, joinPath(path, RECEIPTS), "counter");
  }

  /** As this client's server knows it; 0, of version 0, where nobody has added anything. MARSHALLINGERROR for no number. */
  async get(): Promise<CounterValue> {
    return await overConnectionLoss(this.client, async () => {
      try {
        const { data, stat } = await this.client.getData(this.path);
        return { value: this.decode(data), version: stat.version };
      } catch (error) {
        if (isZooKeeperError(error, "NONODE")) return { value: 0, version: 0 };
        throw error;
      }
    });
  }

  /** The value and the version that this addition made. `delta` is a whole number of either sign. */
  async add(delta = 1): Promise<CounterValue> {
    requireArgument(Number.isSafeInteger(delta), "counter", this.path, `${delta} is no whole number`);
    for (;;) {
      const before = await this.get();
      const value = before.value + delta;
      requireArgument(Number.isSafeInteger(value), "counter", this.path, `${value} is beyond 2^53`);
      try {
        await this.receipts.commit([
          { op: "setData", path: this.path, data: Buffer.from(String(value)), version: before.version },
        ]);
        return { value, version: before.version + 1 };
      } catch (error) {
        if (!(error instanceof MultiError)) throw error;
        if (isZooKeeperError(error, "NONODE"))
          await overConnectionLoss(this.client, () => ensurePath(this.client, this.path));
        else if (!isZooKeeperError(error, "BADVERSION")) throw error;
      }
    }
  }

  private decode(data: Buffer | null): number {
    const value = Number(data?.toString() ?? "");
    if (Number.isSafeInteger(value)) return value;
    throw new ZooKeeperError(ERROR.MARSHALLINGERROR, "counter", this.path, { detail: `'${data}' is no whole number` });
  }

  /** Removes what this counter keeps for its additions; they may go on after it. */
  async close(): Promise<void> {
    await this.receipts.close();
  }
}
