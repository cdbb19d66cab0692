import { z } from "zod";
import type { RunResult, SweepOutcome } from "../bench/result.js";
import { decodeHistogram } from "./histogram.js";

type Target = RunResult["targets"][number]["target"];
type WarningCode = RunResult["warnings"][number]["code"];

/** The version of `result.json` that this program writes and reads. */
export const SCHEMA_VERSION: RunResult["schemaVersion"] = 2;

// Keyed by name, so that the compiler refuses a name that is missing here.
const TARGETS: Readonly<Record<Target, true>> = { core: true, zookeeper: true, etcd: true, redis: true };
const WARNING_CODES: Readonly<Record<WarningCode, true>> = {
  "client-saturated": true,
  "not-warmed": true,
  "too-few-samples": true,
  "send-lag": true,
  "target-missing": true,
  errors: true,
  "weaker-promise": true,
  "short-round": true,
};

const SWEEP_OUTCOMES: Readonly<Record<SweepOutcome, true>> = {
  found: true,
  "client-saturated": true,
  "rate-max": true,
  none: true,
  unsettled: true,
  interrupted: true,
  lost: true,
};

const keys = <K extends string>(table: Readonly<Record<K, true>>): K[] => Object.keys(table) as K[];

const count = z.int().nonnegative();
const measure = z.number().nonnegative();
const fraction = z.number().min(0);
const texts = z.record(z.string(), z.string());
const counts = z.record(z.string(), count);

const summaryShape = {
  count,
  min: measure,
  mean: measure,
  stdDeviation: measure,
  p50: measure,
  p90: measure,
  p95: measure,
  p99: measure,
  p999: measure,
  p9999: measure,
  max: measure,
};
const latencySummary = z.strictObject(summaryShape);
const histogram = z.strictObject({
  ...summaryShape,
  encoded: z.string().refine(
    (encoded) => {
      try {
        decodeHistogram(encoded);
        return true;
      } catch {
        return false;
      }
    },
    { error: "not an HDR V2 histogram, compressed, in base64" },
  ),
});

const operation = z.strictObject({
  name: z.string().min(1),
  ok: count,
  errors: counts,
  opsPerSecond: measure,
  latency: histogram.nullable(),
  service: histogram.nullable(),
});

const round = z.strictObject({
  index: count,
  startMicros: measure,
  durationMicros: measure,
  operations: z.array(operation),
  seconds: z.array(
    z.strictObject({
      second: count,
      operation: z.string().min(1),
      ok: count,
      errors: count,
      p50: measure.nullable(),
      p99: measure.nullable(),
      max: measure.nullable(),
    }),
  ),
  client: z.strictObject({
    workers: count,
    connections: count,
    depth: count,
    ratePerSecond: measure.nullable(),
    cpuMicros: measure,
    eventLoopUtilizationMax: fraction,
    sendLag: latencySummary.nullable(),
    saturated: z.boolean(),
  }),
  members: z.array(
    z.strictObject({
      member: count,
      cpuMicros: measure,
      writtenBytes: measure,
      syncs: measure.nullable(),
      residentBytes: measure,
    }),
  ),
  idleCpuMicros: z.record(z.string(), measure),
});

const outage = z.strictObject({
  fault: z.string(),
  member: count.nullable(),
  round: count,
  startMicros: measure,
  endMicros: measure.nullable(),
  overallMicros: measure.nullable(),
  perClient: latencySummary.nullable(),
  errors: counts,
  sessionsLost: count,
  recoveryMicros: measure.nullable(),
  phases: z.array(z.strictObject({ phase: z.enum(["before", "during", "after"]), latency: latencySummary.nullable() })),
});

const target = z.strictObject({
  target: z.enum(keys(TARGETS)),
  label: z.string().min(1),
  version: z.string(),
  managed: z.boolean(),
  servers: count,
  variant: texts.optional(),
  flags: texts,
  warmUp: z.strictObject({ steady: z.boolean(), durationMicros: measure }),
  rounds: z.array(round),
  operations: z.array(operation),
  metrics: z.array(z.strictObject({ name: z.string(), value: z.number(), unit: z.string() })),
  checks: z.array(
    z.strictObject({
      name: z.string(),
      verdict: z.enum(["valid", "invalid", "unknown"]),
      detail: z.string(),
      observations: count,
    }),
  ),
  outages: z.array(outage),
});

const sweepPoint = z.strictObject({
  purpose: z.enum(["bracket", "bisect", "confirm", "beyond"]),
  askedPerSecond: measure,
  achievedPerSecond: measure,
  durationMicros: measure,
  held: z.boolean(),
  reasons: z.array(z.string()),
  clientLimited: z.boolean(),
  latency: latencySummary.nullable(),
  errors: count,
  backlogAtStart: count,
  backlogAtEnd: count,
  sendLagP99: measure.nullable(),
  cpuMicrosPerOperation: measure.nullable(),
});

const sweep = z.strictObject({
  objectives: z.array(z.string()),
  probeMicros: measure,
  tolerance: fraction,
  ratePerSecondMax: measure,
  targets: z.array(
    z.strictObject({
      target: z.string(),
      outcome: z.enum(keys(SWEEP_OUTCOMES)),
      ratePerSecond: measure.nullable(),
      confirmed: z.boolean(),
      points: z.array(sweepPoint),
      curve: z.array(
        z.strictObject({
          askedPerSecond: measure,
          achievedPerSecond: measure,
          windows: count,
          windowsHeld: count,
          latency: latencySummary.nullable(),
        }),
      ),
    }),
  ),
});

/**
 * `result.json` as it must be: an unknown key, a missing one and a value of another type are all refused, since a figure
 * that is silently dropped makes a report wrong.
 */
export const resultSchema = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  kind: z.enum(["run", "scenario", "sweep"]),
  zabenchVersion: z.string(),
  profile: z.strictObject({ name: z.string().min(1), description: z.string(), text: z.string(), overrides: texts }),
  startedAt: z.iso.datetime(),
  durationMicros: measure,
  interrupted: z.boolean(),
  seed: z.number(),
  environment: z.strictObject({
    node: z.string(),
    platform: z.string(),
    kernel: z.string(),
    cpuModel: z.string(),
    cores: count,
    memoryBytes: measure,
  }),
  calibration: z.strictObject({
    fdatasync: latencySummary.nullable(),
    loopbackRoundTrip: latencySummary.nullable(),
    timerJitter: latencySummary.nullable(),
  }),
  histograms: z.strictObject({ significantDigits: count, relativeErrorMax: fraction, unitMicros: measure }),
  counted: z.array(z.string().min(1)),
  targets: z.array(target).refine((targets) => new Set(targets.map((each) => each.label)).size === targets.length, {
    error: "two targets have the same label",
  }),
  ratios: z.array(
    z.strictObject({
      numerator: z.string(),
      denominator: z.string(),
      operation: z.string(),
      metric: z.enum(["opsPerSecond", "p50", "p99", "cpuMicrosPerOperation"]),
      value: measure.nullable(),
      interval: z
        .strictObject({ confidence: z.number().gt(0).lt(1), low: measure, high: measure })
        .refine(({ low, high }) => low <= high, { error: "an interval ends where it begins" })
        .nullable(),
      pairs: count,
      min: measure.nullable(),
      max: measure.nullable(),
      note: z.string(),
    }),
  ),
  sweep: sweep.nullable(),
  thresholds: z.array(
    z.strictObject({
      target: z.string(),
      metric: z.string(),
      expression: z.string(),
      observed: z.number().nullable(),
      passed: z.boolean(),
    }),
  ),
  warnings: z.array(
    z.strictObject({ target: z.string().nullable(), code: z.enum(keys(WARNING_CODES)), message: z.string() }),
  ),
}) satisfies z.ZodType<RunResult>;
