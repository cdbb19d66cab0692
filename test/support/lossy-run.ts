import assert from "node:assert/strict";
import { after, before } from "node:test";
import { parseProfile } from "../../src/bench/profile/parse.js";
import type { TargetResult } from "../../src/bench/result.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { core } from "../../src/targets/core/kind.js";
import type { Ensemble } from "../../src/targets/target.js";
import { type Loss, lossySource } from "./lossy-driver.js";

export const WATCH_MANY = "{kind: watch-many, watchesPerConnection: 2, changers: 2}";
export const WATCH_RECONNECT =
  "{kind: watch-reconnect, watchesPerConnection: 20, changes: 20, away: 50ms, interval: 0ms}";
export const SERVICE_REGISTRY =
  "{kind: service-registry, providers: 3, providerLife: 50ms, away: 0ms, reportInterval: 5ms}";
export const GROUP_MEMBERSHIP = "{kind: group-membership, churning: 3, memberLife: 50ms, away: 0ms}";
export const PUB_SUB = "{kind: pub-sub, topics: 1, publishers: 2, window: 2}";
/** The server grants two of its ticks all the same, 4 s. */
export const SESSION_STORM = "{kind: session-storm, interval: 100ms, timeout: 1s}";

/**
 * Real sessions on a real server, which lives as long as the tests of the calling file; the run that is returned makes one
 * session lose something or be slow.
 */
export function serverWithLosses(): (workload: string, loss: Loss | undefined) => Promise<TargetResult> {
  let ensemble: Ensemble | undefined;
  before(async () => {
    ensemble = await core.start({ servers: 1 });
  });
  after(async () => {
    await ensemble?.stop();
  });
  return (workload, loss) => {
    assert.ok(ensemble, "the server was started");
    return runWithLoss(ensemble, workload, loss);
  };
}

async function runWithLoss(ensemble: Ensemble, workload: string, loss: Loss | undefined): Promise<TargetResult> {
  // Patience where all is well: this may be a busy machine.
  const slow = loss !== undefined && loss !== "refused" && loss !== "expired";
  const sessionTimeout = slow ? "1s" : "10s";
  const duration = slow && loss !== "silent" ? "500ms" : "1500ms";
  const text = `
name: planted
workload: ${workload}
keys: 20
connections: 8
duration: ${duration}
warmUp: {min: 0s, max: 0s}
rounds: 1
sessionTimeout: ${sessionTimeout}
errorsMax: ${loss === "refused" || loss === "expired" ? "100%" : "0%"}
`;
  const members = ensemble.members.map((member) => member.client);
  const result = await runProfile({
    profile: { profile: parseProfile(text, "planted.yaml"), text, file: "planted.yaml", overrides: {} },
    participants: [{ label: "core", ensemble, driver: lossySource(members, loss) }],
    workers: 2,
  });
  return result.targets[0]!;
}
