import { z } from "zod";
import { formatMicros } from "../../../base/units.js";
import type { WatchReconnectWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { moreThanKeys } from "../more-than-keys.js";
import { outlasting } from "../outlasting.js";
import type { WorkloadKind } from "../workload-kind.js";
import { reconnectWords } from "./reconnect-words.js";

const WATCHES_PER_CONNECTION_MAX = 100_000;
const CHANGES_MAX = 100_000;

const schema = z.strictObject({
  kind: z.literal("watch-reconnect"),
  watchesPerConnection: whole(1, WATCHES_PER_CONNECTION_MAX).default(100),
  changes: whole(1, CHANGES_MAX).default(50),
  away: duration.default(200_000),
  interval: duration.default(100_000),
});

/** Every session moves at once, and registers its watches anew. */
export const watchReconnectKind: WorkloadKind<WatchReconnectWorkload> = {
  kind: "watch-reconnect",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "watch-reconnect",
    watchesPerConnection: parsed.watchesPerConnection,
    changes: parsed.changes,
    awayMicros: parsed.away,
    intervalMicros: parsed.interval,
  }),
  problems: ({ awayMicros, changes, watchesPerConnection }, { keys, durationMicros, sessionTimeoutMs }) => {
    const problems = [
      ...outlasting({ away: awayMicros }, durationMicros),
      ...moreThanKeys({ watchesPerConnection, changes }, keys),
    ];
    if (awayMicros >= sessionTimeoutMs * 1_000) {
      const message = `must be shorter than sessionTimeout, ${formatMicros(sessionTimeoutMs * 1_000)}: the sessions would be over; lengthen that, or shorten this`;
      problems.push({ path: ["workload", "away"], message });
    }
    return problems;
  },
  pipelined: false,
  extraConnections: () => 1,
  targets: () => ["core", "zookeeper"],
  operations: () => ["change", "reconnect", "restore", "deliver-missed", "storm"],
  counted: () => ["restore"],
  keys: (profile) => profile.keys,
  regionWords: (profile) => reconnectWords(profile.keys),
  metrics: (_, profile, workload) => [
    { name: "watches", value: profile.connections * Math.min(workload.watchesPerConnection, profile.keys), unit: "" },
  ],
};
