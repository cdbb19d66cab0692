import type { SessionOptions, WatchSession } from "../driver.js";
import { changeValues } from "./change-values.js";
import { type NumberedKeys, prefixEnd, valueKeys } from "./keys.js";
import { Mirrors } from "./mirror.js";

const CALLS_MAX = 1024;

/** A cache of every value, filled by a read and kept by a watch from that revision on, whose events bring the values. */
export class EtcdConfigurationSession implements WatchSession {
  private readonly mirrors: Mirrors;
  private readonly values: NumberedKeys;
  private readonly written: Buffer;
  /** The cached documents by their number. */
  private readonly documents = new Map<number, Buffer>();

  constructor(options: SessionOptions) {
    this.mirrors = new Mirrors({ ...options, callsMax: CALLS_MAX });
    this.values = valueKeys(options.root);
    this.written = Buffer.alloc(options.valueBytes ?? 0, "b");
  }

  async open(): Promise<void> {
    await this.mirrors.open();
  }

  async watch(document: number, onChange: (order: number) => void): Promise<void> {
    const key = this.values.key(document);
    let filled = false;
    await this.mirrors.keep(
      // A prefix that is the whole key: all keys are of one length.
      { key, rangeEnd: prefixEnd(key) },
      {
        put: ({ value, modRevision }) => {
          this.documents.set(document, value);
          // What was there before is no change.
          if (filled) onChange(modRevision);
        },
        deleted: () => {
          this.documents.delete(document);
        },
        caughtUp: () => {
          filled = true;
        },
      },
    );
  }

  async change(document: number, count = 1): Promise<number> {
    return await changeValues(this.mirrors.connection(), this.values, document, count, this.written);
  }

  close(): Promise<void> {
    this.mirrors.close();
    return Promise.resolve();
  }
}
