import { z } from "zod";
import type { HaFailoverWorkload } from "../../profile/profile.js";
import { duration, share } from "../../profile/scalars.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { HA_WORDS } from "./ha-words.js";

const schema = z.strictObject({
  kind: z.literal("ha-failover"),
  active: duration.default(100_000),
  graceful: share.default(0.2),
});

/** Active and standby, with fencing. */
export const haFailoverKind: WorkloadKind<HaFailoverWorkload> = {
  kind: "ha-failover",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "ha-failover",
    activeMicros: parsed.active,
    gracefulShare: parsed.graceful,
  }),
  problems: ({ activeMicros }, { durationMicros }) => outlasting({ active: activeMicros }, durationMicros),
  pipelined: false,
  connectionsMin: () => 2,
  targets: () => ["core", "zookeeper"],
  operations: () => ["take-over", "fence", "write", "refused-write", "step-down"],
  counted: () => ["fence", "write", "refused-write", "step-down"],
  keys: () => 0,
  regionWords: () => HA_WORDS,
  metrics: ({ figures, durationMicros }) => {
    const sum = (name: string): number => (figures[name] ?? []).reduce((total, each) => total + each, 0);
    return [
      {
        name: "take-overs-per-second",
        value: durationMicros === 0 ? 0 : (sum("take-overs") / durationMicros) * 1e6,
        unit: "1/s",
      },
      { name: "fenced-share", value: sum("fenced") / Math.max(1, sum("take-overs")), unit: "" },
      { name: "writes-before-fenced", value: sum("late-writes") / Math.max(1, sum("losses")), unit: "" },
    ];
  },
};
