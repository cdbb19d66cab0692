import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { LOOPBACK } from "../targets/process/ports.js";
import { readProcessUsage } from "../targets/process/proc.js";
import type { Address, Ensemble, Member } from "../targets/target.js";
import { driverSource } from "./drivers.js";
import type { Participant } from "./participant.js";
import { parseProfile } from "./profile/parse.js";
import type { LoadedProfile } from "./profile/profile.js";
import { runProfile } from "./run-profile.js";

/** What one load worker must reach against a server that stores nothing, on two shared cores. */
export const SELF_TEST_CASES = [
  { connections: 60, depth: 16, opsPerSecondMin: 300_000 },
  { connections: 60, depth: 1, opsPerSecondMin: 50_000 },
] as const;

export interface SelfTestOutcome {
  readonly connections: number;
  readonly depth: number;
  readonly opsPerSecond: number;
  readonly opsPerSecondMin: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** Of the worker's event loop, 0 to 1: at 1 the generator is what was measured, as it should be here. */
  readonly utilization: number;
  readonly passed: boolean;
}

/** Measures the load generator itself: one worker against a null server in a process of its own. */
export async function selfTest(
  onOutcome: (outcome: SelfTestOutcome) => void,
  signal: AbortSignal,
): Promise<SelfTestOutcome[]> {
  const server = await startNullServerProcess();
  const outcomes: SelfTestOutcome[] = [];
  try {
    for (const { connections, depth, opsPerSecondMin } of SELF_TEST_CASES) {
      const result = await runProfile({
        profile: selfTestProfile(connections, depth),
        participants: [server.participant],
        workers: 1,
        signal,
      });
      const target = result.targets[0];
      const read = target?.operations[0];
      if (signal.aborted || read === undefined) break;
      const outcome = {
        connections,
        depth,
        opsPerSecond: read.opsPerSecond,
        opsPerSecondMin,
        p50: read.latency?.p50 ?? null,
        p99: read.latency?.p99 ?? null,
        utilization: target?.rounds[0]?.client.eventLoopUtilizationMax ?? 0,
        passed: read.opsPerSecond >= opsPerSecondMin,
      };
      outcomes.push(outcome);
      onOutcome(outcome);
    }
  } finally {
    await server.stop();
  }
  return outcomes;
}

function selfTestProfile(connections: number, depth: number): LoadedProfile {
  const text = `name: self-test
description: reads of a null server
workload: {kind: mix, operations: {read: 1}}
keys: 100
connections: ${connections}
depth: ${depth}
duration: 3s
rounds: 1
warmUp: {min: 1s, max: 4s, steadiness: 10%}
`;
  return { profile: parseProfile(text, "self-test"), text, file: "self-test", overrides: {} };
}

async function startNullServerProcess(): Promise<{ participant: Participant; stop: () => Promise<void> }> {
  const main = fileURLToPath(new URL("./null-server-main.js", import.meta.url));
  const child = spawn(process.execPath, [main], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface(child.stdout);
  const [port] = (await Promise.race([
    once(lines, "line"),
    ended.then(() => {
      throw new Error("the null server ended before it served");
    }),
  ])) as [string];
  const client: Address = { host: LOOPBACK, port: Number(port) };
  const refuse = (): Promise<never> => Promise.reject(new Error("faults are not for the null server"));
  const member: Member = {
    id: 1,
    client,
    pid: child.pid,
    role: async () => "standalone",
    usage: async () => {
      const usage = child.pid === undefined ? undefined : await readProcessUsage(child.pid);
      return usage === undefined ? undefined : { ...usage, syncs: undefined };
    },
    kill: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
  };
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const ensemble: Ensemble = {
    target: "zookeeper",
    managed: true,
    version: "null",
    flags: {},
    members: [member],
    folder: undefined,
    leader: async () => member,
    stop,
  };
  return { participant: { label: "null-server", ensemble, driver: driverSource("zookeeper", [client]) }, stop };
}
