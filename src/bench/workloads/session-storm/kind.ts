import { z } from "zod";
import { formatMicros } from "../../../base/units.js";
import { drainMsOf } from "../../load/drain.js";
import type { SessionStormWorkload } from "../../profile/profile.js";
import { duration, share } from "../../profile/scalars.js";
import type { WorkloadKind } from "../workload-kind.js";
import { stormWords } from "./storm-words.js";

const schema = z.strictObject({
  kind: z.literal("session-storm"),
  expiring: share.default(0.5),
  timeout: duration.refine((micros) => micros >= 1_000, "must be at least 1ms").default(4_000_000),
  interval: duration.default(500_000),
});

/** Sessions begin, move and end in waves. */
export const sessionStormKind: WorkloadKind<SessionStormWorkload> = {
  kind: "session-storm",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "session-storm",
    expiring: parsed.expiring,
    timeoutMs: Math.round(parsed.timeout / 1_000),
    intervalMicros: parsed.interval,
  }),
  problems: ({ expiring, timeoutMs }, { durationMicros, sessionTimeoutMs }) => {
    // Sessions are looked after for as long as answers may take after the end.
    const seenMicros = durationMicros + drainMsOf(sessionTimeoutMs) * 1_000;
    if (expiring === 0 || timeoutMs * 1_000 < seenMicros) return [];
    const message = `no session would expire within a round and the wait after it, ${formatMicros(seenMicros)}; lengthen duration or sessionTimeout, or shorten this`;
    return [{ path: ["workload", "timeout"], message, needsLongerRound: true }];
  },
  pipelined: false,
  extraConnections: () => 1,
  targets: () => ["core", "zookeeper"],
  operations: () => ["connect", "hold", "resume", "verify", "close", "expire"],
  counted: () => ["connect", "resume"],
  keys: () => 0,
  regionWords: (profile) => stormWords(profile.connections),
  metrics: (_, profile, workload) => [
    { name: "sessions-per-wave", value: profile.connections, unit: "" },
    { name: "session-timeout-asked", value: workload.timeoutMs, unit: "ms" },
  ],
};
