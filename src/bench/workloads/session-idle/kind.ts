import { z } from "zod";
import type { SessionIdleWorkload } from "../../profile/profile.js";
import { duration } from "../../profile/scalars.js";
import { castWords } from "../cast-words.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";

const schema = z.strictObject({
  kind: z.literal("session-idle"),
  probeInterval: duration.default(10_000),
});

/** Thousands of sessions that do nothing but stay. */
export const sessionIdleKind: WorkloadKind<SessionIdleWorkload> = {
  kind: "session-idle",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "session-idle",
    probeIntervalMicros: parsed.probeInterval,
  }),
  problems: ({ probeIntervalMicros }, { durationMicros }) =>
    outlasting({ probeInterval: probeIntervalMicros }, durationMicros),
  pipelined: false,
  extraConnections: () => 1,
  targets: () => ["core", "zookeeper"],
  operations: () => ["probe", "wake"],
  counted: () => ["probe"],
  keys: () => 0,
  regionWords: () => castWords(1),
  metrics: ({ figures, durationMicros, members }, profile) => {
    const cpuMicros = members.reduce((sum, member) => sum + member.cpuMicros, 0);
    const sessionSeconds = (profile.connections * durationMicros) / 1e6;
    const metrics = [
      { name: "idle-sessions", value: profile.connections, unit: "" },
      {
        name: "idle-disconnects",
        value: (figures["disconnects"] ?? []).reduce((sum, each) => sum + each, 0),
        unit: "",
      },
    ];
    if (members.length > 0 && sessionSeconds > 0) {
      metrics.push({ name: "cpu-per-idle-session", value: cpuMicros / sessionSeconds, unit: "us/s" });
    }
    return metrics;
  },
};
