import { setTimeout as sleep } from "node:timers/promises";
import { nowMicros } from "./clock.js";
import type { LoadJob } from "./load.js";

/** Sessions opened at once by one worker: enough to be quick, few enough not to overflow a listen queue. */
const OPENING_MAX = 32;

/** The connections of one worker. */
export function ownConnections(job: Pick<LoadJob, "connections" | "workers">, worker: number): number[] {
  const own: number[] = [];
  for (let connection = worker; connection < job.connections; connection += job.workers) own.push(connection);
  return own;
}

/** Calls `open` for every connection, a few at a time. */
export async function openAll(
  connections: readonly number[],
  open: (connection: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < connections.length; at = next++) await open(connections[at] as number);
  };
  await Promise.all(Array.from({ length: Math.min(OPENING_MAX, connections.length) }, lane));
}

export async function sleepUntil(micros: number): Promise<void> {
  const left = micros - nowMicros();
  if (left > 0) await sleep(Math.ceil(left / 1_000));
}
