import { z } from "zod";
import type { ServiceRegistryWorkload } from "../../profile/profile.js";
import { duration, whole } from "../../profile/scalars.js";
import { castWords } from "../cast-words.js";
import { outlasting } from "../outlasting.js";
import { rosterOperations } from "../roster/roster-plan.js";
import type { WorkloadKind } from "../workload-kind.js";
import { serviceRegistryPlan } from "./service-registry-plan.js";

const PROVIDERS_MAX = 10_000;
const LOOKUPS_PER_SECOND_MAX = 1_000_000;

const schema = z.strictObject({
  kind: z.literal("service-registry"),
  providers: whole(1, PROVIDERS_MAX).default(10),
  providerLife: duration.default(500_000),
  away: duration.default(50_000),
  reportInterval: duration.refine((micros) => micros > 0, "must be longer than 0").default(100_000),
  lookupsPerSecond: whole(1, LOOKUPS_PER_SECOND_MAX).default(1_000),
});

/** Providers come and go; consumers keep a discovery cache and choose from it. */
export const serviceRegistryKind: WorkloadKind<ServiceRegistryWorkload> = {
  kind: "service-registry",
  schema,
  resolve: (parsed: z.output<typeof schema>) => ({
    kind: "service-registry",
    providers: parsed.providers,
    providerLifeMicros: parsed.providerLife,
    awayMicros: parsed.away,
    reportIntervalMicros: parsed.reportInterval,
    lookupsPerSecond: parsed.lookupsPerSecond,
  }),
  problems: ({ awayMicros, reportIntervalMicros }, { durationMicros }) =>
    outlasting({ away: awayMicros, reportInterval: reportIntervalMicros }, durationMicros),
  pipelined: false,
  extraConnections: (workload) => workload.providers,
  targets: () => ["core", "zookeeper", "etcd"],
  operations: (workload) => rosterOperations(serviceRegistryPlan(1, workload).operations),
  counted: () => ["learn-registered", "learn-gone"],
  keys: () => 0,
  regionWords: (_, workload) => castWords(workload.providers),
  metrics: ({ figures, durationMicros }, profile) => {
    const sum = (name: string): number => (figures[name] ?? []).reduce((total, each) => total + each, 0);
    const lookups = sum("lookups");
    return [
      { name: "consumers", value: profile.connections, unit: "" },
      { name: "lookups-per-second", value: durationMicros === 0 ? 0 : (lookups / durationMicros) * 1e6, unit: "1/s" },
      { name: "lookup-cost", value: lookups === 0 ? 0 : sum("lookup-micros") / lookups, unit: "us" },
    ];
  },
};
