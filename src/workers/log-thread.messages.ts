import { LOG_FILE_STATE_BYTES, LogFile, type LogFileOptions } from "../server/storage/log-file.js";

/** Words of the control block; every one has one writer. */
export const CONTROL = {
  /** Marks handed over so far, modulo 2^32; main side. The thread waits on it. */
  submitted: 0,
  /** Marks carried out and synced so far, modulo 2^32; thread side, after the sync they stand for. */
  completed: 1,
} as const;
const CONTROL_BYTES = 64;

/** A mark is one thing to do, in order: bytes of a batch, the end of a batch, a roll, the end of the thread. */
export const MARK_KIND = { part: 0, batch: 1, roll: 2, close: 3 } as const;
/** `lastZxid` is of a whole batch, at its end; `firstZxid` is CONTINUES unless the bytes begin one. */
export const MARK = { kind: 0, bytes: 1, firstZxid: 2, lastZxid: 3 } as const;
export const MARK_WORDS = 4;
/** Both powers of two. More than that waits in the main side's memory. */
export const MARKS_MAX = 1_024;
export const RING_BYTES = 4 << 20;

/** Syncs that the decision between the two paths looks back on. */
export const RECENT_SYNCS = 64;
/** Words of the statistics; written by the side whose turn it is, like the log file's state. */
export const STATISTIC = { syncs: 0, bytes: 1, syncMicros: 2, syncMicrosMax: 3, nextRecent: 4, recent: 8 } as const;
const STATISTICS_WORDS = STATISTIC.recent + RECENT_SYNCS;

/**
 * What both sides share. `ring` and `marks` belong to the main side beyond `completed` + capacity and to the thread
 * between `completed` and `submitted`. `file` and `statistics` belong to the thread while completed != submitted, else to
 * the main side; both hand over by an atomic store that follows their last plain one, which is what orders these.
 */
export interface LogThreadMemory {
  readonly control: Int32Array;
  readonly marks: Float64Array;
  readonly ring: Uint8Array;
  readonly file: Float64Array;
  readonly statistics: Float64Array;
}

export interface LogThreadStart {
  readonly options: LogFileOptions;
  readonly memory: LogThreadMemory;
}

/** From the thread: marks were completed (nothing more is said, `completed` has it), or it cannot go on. */
export type LogThreadMessage = "completed" | { readonly failed: string; readonly code: string | undefined };

export function createLogThreadMemory(): LogThreadMemory {
  const shared = (bytes: number) => new SharedArrayBuffer(bytes);
  return {
    control: new Int32Array(shared(CONTROL_BYTES)),
    marks: new Float64Array(shared(MARKS_MAX * MARK_WORDS * Float64Array.BYTES_PER_ELEMENT)),
    ring: new Uint8Array(shared(RING_BYTES)),
    file: LogFile.newState(shared(LOG_FILE_STATE_BYTES)),
    statistics: new Float64Array(shared(STATISTICS_WORDS * Float64Array.BYTES_PER_ELEMENT)),
  };
}

/** Syncs the file and counts it; called by the side whose turn it is. */
export function timedSync(file: LogFile, statistics: Float64Array): void {
  const begin = process.hrtime();
  file.sync();
  const [seconds, nanos] = process.hrtime(begin);
  const micros = seconds * 1e6 + nanos / 1e3;
  const at = statistics[STATISTIC.nextRecent] as number;
  statistics[STATISTIC.recent + at] = micros;
  statistics[STATISTIC.nextRecent] = (at + 1) % RECENT_SYNCS;
  statistics[STATISTIC.syncs] = (statistics[STATISTIC.syncs] as number) + 1;
  statistics[STATISTIC.syncMicros] = (statistics[STATISTIC.syncMicros] as number) + micros;
  statistics[STATISTIC.syncMicrosMax] = Math.max(statistics[STATISTIC.syncMicrosMax] as number, micros);
}
