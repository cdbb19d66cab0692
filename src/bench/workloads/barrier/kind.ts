import { z } from "zod";
import type { BarrierWorkload } from "../../profile/profile.js";
import { duration } from "../../profile/scalars.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { BARRIER_WORDS } from "./barrier-words.js";

const schema = z.strictObject({
  kind: z.literal("barrier"),
  inside: duration.default(0),
});

/** A double barrier, round after round. */
export const barrierKind: WorkloadKind<BarrierWorkload> = {
  kind: "barrier",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({ kind: "barrier", insideMicros: parsed.inside }),
  problems: ({ insideMicros }, { durationMicros }) => outlasting({ inside: insideMicros }, durationMicros),
  pipelined: false,
  connectionsMin: () => 2,
  targets: () => ["core", "zookeeper"],
  operations: () => ["enter", "release", "leave"],
  counted: () => ["enter"],
  keys: () => 0,
  regionWords: () => BARRIER_WORDS,
  metrics: ({ figures, durationMicros }, profile) => {
    const entries = (figures["entries"] ?? []).reduce((total, each) => total + each, 0);
    const rounds = entries / profile.connections;
    return [
      { name: "parties", value: profile.connections, unit: "" },
      { name: "rounds-per-second", value: durationMicros === 0 ? 0 : (rounds / durationMicros) * 1e6, unit: "1/s" },
    ];
  },
};
