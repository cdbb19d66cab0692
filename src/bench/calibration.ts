import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createHistogram, type Histogram, summarize } from "./histogram.js";
import { nowMicros } from "./load/clock.js";
import type { CalibrationRecord, LatencySummary } from "./result.js";

const SYNCS = 100;
const SYNC_BYTES = 512;
const ROUND_TRIPS = 300;
const TIMERS = 50;
const TIMER_MS = 2;

/** What this machine itself costs, beside which every figure of a run must be read. Takes well under a second. */
export async function calibrate(scratchParent: string = tmpdir()): Promise<CalibrationRecord> {
  return {
    fdatasync: measured((histogram) => measureSyncs(scratchParent, histogram)),
    loopbackRoundTrip: await measuredAsync(measureRoundTrips),
    timerJitter: await measuredAsync(measureTimers),
  };
}

function measured(measure: (histogram: Histogram) => void): LatencySummary | null {
  const histogram = createHistogram();
  measure(histogram);
  const summary = summarize(histogram);
  histogram.destroy();
  return summary;
}

async function measuredAsync(measure: (histogram: Histogram) => Promise<void>): Promise<LatencySummary | null> {
  const histogram = createHistogram();
  await measure(histogram);
  const summary = summarize(histogram);
  histogram.destroy();
  return summary;
}

function record(histogram: Histogram, micros: number): void {
  histogram.recordValue(Math.max(1, Math.round(micros)));
}

/** Appends and syncs, as a transaction log does, where the targets keep theirs. */
function measureSyncs(scratchParent: string, histogram: Histogram): void {
  const folder = mkdtempSync(join(scratchParent, "zabench-calibration-"));
  const descriptor = openSync(join(folder, "log"), "w");
  try {
    const block = Buffer.alloc(SYNC_BYTES, 1);
    for (let sync = 0; sync < SYNCS; sync++) {
      writeSync(descriptor, block);
      const begin = nowMicros();
      fdatasyncSync(descriptor);
      record(histogram, nowMicros() - begin);
    }
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureRoundTrips(histogram: Histogram): Promise<void> {
  const accepted: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    accepted.push(socket);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", noDelay: true });
  try {
    const message = Buffer.alloc(64, 1);
    for (let trip = 0; trip < ROUND_TRIPS; trip++) {
      const begin = nowMicros();
      await new Promise<void>((resolve, reject) => {
        client.once("error", reject);
        client.once("data", () => {
          client.off("error", reject);
          resolve();
        });
        client.write(message);
      });
      record(histogram, nowMicros() - begin);
    }
  } finally {
    client.destroy();
    for (const socket of accepted) socket.destroy();
    server.close();
  }
}

/** How late timers are: what an open loop without polling would add to every send. */
async function measureTimers(histogram: Histogram): Promise<void> {
  for (let timer = 0; timer < TIMERS; timer++) {
    const begin = nowMicros();
    await sleep(TIMER_MS);
    record(histogram, nowMicros() - begin - TIMER_MS * 1_000);
  }
}
