import type { LoadShared, WorkerCounters } from "../../../workers/load-shared.js";
import type { CheckTally } from "../../load/load.js";
import { Tally } from "../../load/tally.js";
import type { HttpWorkload } from "../../profile/profile.js";
import type { HttpAnswer, HttpDialect } from "./dialect.js";
import { filling, parseStamp, STAMP_BYTES, type Stamp, stampText } from "./stamped-value.js";

/** What a connection knew of the target's history when it asked. */
export interface Asked {
  readonly connection: number;
  readonly key: number;
  /** The furthest position it had been shown since it was opened. */
  readonly shown: number;
  /** How far writes that had been answered reached, of any connection. */
  readonly floor: number;
}

/**
 * What every answer over HTTP is checked for, while it is measured:
 * - `session-order`: the history that a connection, which has one server, is shown never goes back;
 * - `write-order`: a write stands behind all that its connection was shown, and behind every write, of any connection, that
 *   had been answered before it was sent;
 * - `linearizable-read`: such a read was answered no earlier in history than those writes stand;
 * - `http-values`: what is read is a value that was written to that key, and the latest as of where the server stands in
 *   history, as far as this worker's connections wrote;
 * - `writes-kept`: at the end, what a worker's last answered write of a key left is there, or what was written after it.
 */
export class HttpChecks {
  private readonly sessionOrder = new Tally("session-order");
  private readonly writeOrder = new Tally("write-order");
  private readonly linearizableRead = new Tally("linearizable-read");
  private readonly values = new Tally("http-values");
  private readonly writesKept = new Tally("writes-kept");
  private readonly shared: LoadShared;
  private readonly counters: WorkerCounters;
  private readonly worker: number;
  private readonly workload: HttpWorkload;
  private readonly dialect: HttpDialect;
  /** As the target writes them: how long a stamp is, and what follows it. */
  private readonly stampLength: number;
  private readonly filling: string;
  /** Of each key, where this worker's last answered write stands, and which it was. */
  private readonly lastPosition: Float64Array;
  private readonly lastWriter: Float64Array;
  private readonly lastSequence: Float64Array;
  private ownWritten = 0;

  constructor(
    shared: LoadShared,
    worker: number,
    workload: HttpWorkload,
    dialect: HttpDialect,
    keys: number,
    valueBytes: number,
  ) {
    this.shared = shared;
    this.worker = worker;
    this.counters = shared.counters(worker);
    this.workload = workload;
    this.dialect = dialect;
    this.stampLength = dialect.encode("0".repeat(STAMP_BYTES)).length;
    this.filling = dialect.encode(filling(valueBytes));
    this.lastPosition = new Float64Array(keys);
    this.lastWriter = new Float64Array(keys);
    this.lastSequence = new Float64Array(keys);
  }

  /** Before a send. */
  floor(): number {
    if (this.shared.workers === 1) return this.ownWritten;
    return Math.max(this.ownWritten, this.shared.othersWritten(this.worker));
  }

  /** A write was answered, by whom and in which order does not matter. */
  wrote({ key, writer, sequence }: Stamp, position: number): void {
    if (position > this.ownWritten) {
      this.ownWritten = position;
      if (this.shared.workers > 1) this.counters.publishWritten(position);
    }
    if (position <= this.lastPosition[key]!) return;
    this.lastPosition[key] = position;
    this.lastWriter[key] = writer;
    this.lastSequence[key] = sequence;
  }

  answeredWrite(asked: Asked, sequence: number, { position }: HttpAnswer): void {
    const { connection, key, shown, floor } = asked;
    this.writeOrder.observations++;
    const behind = Math.max(shown, floor);
    if (position <= behind) {
      this.writeOrder.violated(
        `connection ${connection}: a write of key ${key} stands at ${place(position)}, but ${place(behind)} had been told before it was sent`,
      );
    }
    this.wrote({ key, writer: connection, sequence }, position);
  }

  answeredRead(asked: Asked, linearizable: boolean, answer: HttpAnswer): void {
    const { connection, key, shown, floor } = asked;
    const { position } = answer;
    this.sessionOrder.observations++;
    if (position < shown) {
      this.sessionOrder.violated(
        `connection ${connection}: a read was answered at ${place(position)}, but the connection had been shown ${place(shown)}`,
      );
    }
    if (linearizable) {
      this.linearizableRead.observations++;
      if (position < floor) {
        this.linearizableRead.violated(
          `connection ${connection}: a linearizable read was answered at ${place(position)}, but a write completed before it was sent stands at ${place(floor)}`,
        );
      }
    }
    this.values.observations++;
    const wrong = this.wrongValue(key, answer);
    if (wrong !== undefined) this.values.violated(`connection ${connection}: ${wrong}`);
  }

  /** The answer of success to a request of `key` did not say what it has to. */
  unintelligible(connection: number, key: number): void {
    this.values.observations++;
    this.values.violated(
      `connection ${connection}: an answer about key ${key} does not say where it stands in history`,
    );
  }

  /** The keys whose last answered write this worker knows. */
  writtenKeys(): number[] {
    const keys: number[] = [];
    for (const [key, position] of this.lastPosition.entries()) if (position > 0) keys.push(key);
    return keys;
  }

  /** What a linearizable read found after the last write had been answered; undefined where there is no such key. */
  readBack(key: number, answer: HttpAnswer | undefined): void {
    this.writesKept.observations++;
    const wrong = answer === undefined ? `key ${key} is not there` : this.wrongValue(key, answer, true);
    if (wrong !== undefined) this.writesKept.violated(`at the end: ${wrong}`);
  }

  report(): CheckTally[] {
    const { read, readLinearizable, write } = this.workload.operations;
    const tallies = [
      ...(read === undefined && readLinearizable === undefined ? [] : [this.sessionOrder, this.values]),
      ...(readLinearizable === undefined ? [] : [this.linearizableRead]),
      ...(write === undefined ? [] : [this.writeOrder, this.writesKept]),
    ];
    // Of writes alone: an answer that nothing can be told from.
    if (!tallies.includes(this.values) && this.values.violations > 0) tallies.push(this.values);
    return tallies.map((tally) => tally.report());
  }

  /** `isLatest`: the server is known to stand behind every write that was answered. */
  private wrongValue(key: number, { position, written, value }: HttpAnswer, isLatest = false): string | undefined {
    const last = this.lastPosition[key]!;
    const isDue = isLatest || last <= position;
    if (value === undefined) return last > 0 && isDue ? `key ${key} has no value` : undefined;
    if (written > position)
      return `key ${key} was written at ${place(written)}, behind where the server stands, ${place(position)}`;
    if (written < last && isDue) {
      return `key ${key} has its value of ${place(written)}, but a write of it that was answered stands at ${place(last)}`;
    }
    const { dialect, stampLength } = this;
    const whole = value.length === stampLength + this.filling.length && value.endsWith(this.filling);
    const stamp = whole ? parseStamp(dialect.decode(value.slice(0, stampLength))) : undefined;
    if (stamp?.key !== key) {
      return `key ${key} has '${dialect.decode(value.slice(0, stampLength))}', ${value.length} characters, which was not written to it`;
    }
    if (written === last && (stamp.writer !== this.lastWriter[key] || stamp.sequence !== this.lastSequence[key])) {
      const own = stampText({ key, writer: this.lastWriter[key]!, sequence: this.lastSequence[key]! });
      return `key ${key} has '${stampText(stamp)}' as written at ${place(written)}, where '${own}' was written`;
    }
    return undefined;
  }
}

function place(position: number): string {
  return `0x${position.toString(16)}`;
}
