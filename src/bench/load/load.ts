import type { TreeShape } from "../../targets/driver.js";
import type { Address } from "../../targets/target.js";
import type { Distribution, Loop, ValueSizes, Workload } from "../profile/profile.js";
import type { DriverSource } from "./driver-source.js";

/** What all workers together do to one target under one root; every worker takes its share of the connections. */
export interface LoadJob {
  readonly driver: DriverSource;
  readonly members: readonly Address[];
  /** Where the members serve HTTP; of use to a workload over HTTP only. */
  readonly http: readonly Address[];
  readonly root: string;
  readonly workload: Workload;
  readonly keys: number;
  /** How many values a workload over HTTP writes for itself. */
  readonly httpKeys: number;
  /** Of the largest value. */
  readonly valueBytes: number;
  readonly valueSizes: ValueSizes;
  /** The folders that hold the keys. */
  readonly tree: TreeShape;
  readonly distribution: Distribution;
  /** Over all workers. Connection c belongs to worker c modulo `workers`. */
  readonly connections: number;
  /** How many the workload opens beside those, numbered after them. */
  readonly extraConnections: number;
  /** The operations that the workload reports, by name. */
  readonly operations: readonly string[];
  /** Those that make up `total`. */
  readonly counted: readonly string[];
  readonly depth: number;
  readonly loop: Loop;
  readonly sessionTimeoutMs: number;
  /** Of this round. */
  readonly seed: number;
  readonly workers: number;
  /** Memory of a `LoadShared`. */
  readonly shared: SharedArrayBuffer;
}

/** When the load runs; microseconds of the monotonic clock. */
export interface LoadSpan {
  /** The first operation starts. Infinity of nothing: a warm-up has `recordMicros` beyond `endMicros`. */
  readonly startMicros: number;
  /** Operations that start (open loop: are due) from here on are recorded. */
  readonly recordMicros: number;
  /** No operation starts, or is due, from here on. */
  readonly endMicros: number;
  /** How long answers may take after the end, before they count as never given. */
  readonly drainMs: number;
}

/** A span as a load is given it: `Recorder` tells `onSecond` of every second that is over. */
export interface LoadWindow extends LoadSpan {
  readonly onSecond: SecondSink;
}

export type SecondSink = (batch: SecondBatch) => void;

/** What one worker's operations did in a second that is over. */
export interface SecondBatch {
  /** The second that has begun: none before it will follow from this worker. Infinity at the end. */
  readonly begun: number;
  /** One for each operation of which something ended. */
  readonly seconds: readonly SecondReport[];
}

/** What one worker measured in one window. */
export interface LoadReport {
  readonly operations: readonly OperationReport[];
  /** HDR V2 of how late sends were that found a free slot; undefined in a closed loop. */
  readonly sendLag: Uint8Array | undefined;
  readonly cpuMicros: number;
  /** Share of time the worker's event loop was busy, polling for due sends not counted, 0 to 1. */
  readonly utilization: number;
  readonly checks: readonly CheckTally[];
  /** What the workload's own metrics are made of: one number for each of the worker's connections, by name. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Undefined where the load does not see its connections come and go. */
  readonly disconnects: number | undefined;
  /** Sessions that expired and were replaced; undefined as above. */
  readonly sessionsLost: number | undefined;
}

export interface OperationReport {
  readonly name: string;
  readonly ok: number;
  /** Of `ok`, those that ended before the window did: what throughput is made of. */
  readonly okInWindow: number;
  /** Those that ended well within the window, also where they began before it. */
  readonly answeredInWindow: number;
  /** Begun (open loop: due) before the window and not ended then. */
  readonly backlogAtStart: number;
  /** Begun (open loop: due) and not ended when the window ended. */
  readonly backlogAtEnd: number;
  readonly errors: Readonly<Record<string, number>>;
  /** HDR V2; undefined without samples. */
  readonly latency: Uint8Array | undefined;
  /** HDR V2, open loop only. */
  readonly service: Uint8Array | undefined;
}

export interface SecondReport {
  /** From `recordMicros`. */
  readonly second: number;
  readonly operation: string;
  readonly ok: number;
  readonly errors: number;
  /** HDR V2. */
  readonly latency: Uint8Array | undefined;
}

export interface CheckTally {
  readonly name: string;
  readonly observations: number;
  readonly violations: number;
  /** What had to be judged and could not be; then the check is not known to hold. */
  readonly unjudged: number;
  /** The first violation, else the first of what could not be judged, for people; "" where there is neither. */
  readonly detail: string;
}

/** One workload, driven by one worker. */
export interface Load {
  /** Opens the worker's sessions. */
  open(): Promise<void>;
  run(window: LoadWindow): Promise<LoadReport>;
  endNow(drainMs: number): void;
  close(): Promise<void>;
}
