import { z } from "zod";
import type { CodisRoutingWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { codisWords } from "./codis-words.js";

const SLOTS_MAX = 65_536;
const GROUPS_MAX = 10_000;

const schema = z.strictObject({
  kind: z.literal("codis-routing"),
  slots: whole(1, SLOTS_MAX).default(1_024),
  groups: whole(2, GROUPS_MAX).default(4),
  proxyLife: duration.default(1_000_000),
  away: duration.default(50_000),
});

/** The slot table of Codis, and commands that every proxy acknowledges. */
export const codisRoutingKind: WorkloadKind<CodisRoutingWorkload> = {
  kind: "codis-routing",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "codis-routing",
    slots: parsed.slots,
    groups: parsed.groups,
    proxyLifeMicros: parsed.proxyLife,
    awayMicros: parsed.away,
  }),
  problems: ({ awayMicros }, { durationMicros }) => outlasting({ away: awayMicros }, durationMicros),
  pipelined: false,
  connectionsMin: () => 2,
  targets: () => ["core", "zookeeper"],
  operations: () => ["migrate", "command", "apply", "register", "load-slots"],
  counted: () => ["command", "register", "load-slots"],
  keys: () => 0,
  regionWords: (profile) => codisWords(profile.connections),
  metrics: ({ figures, durationMicros }, profile) => {
    const migrations = (figures["migrations"] ?? []).reduce((total, each) => total + each, 0);
    return [
      { name: "proxies", value: profile.connections - 1, unit: "" },
      {
        name: "migrations-per-second",
        value: durationMicros === 0 ? 0 : (migrations / durationMicros) * 1e6,
        unit: "1/s",
      },
    ];
  },
};
