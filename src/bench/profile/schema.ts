import { z } from "zod";
import { UserError } from "../../base/user-error.js";
import { largestBytes } from "../load/value-sizes.js";
import { parseThreshold, type Threshold } from "../thresholds.js";
import { kindOf, WORKLOAD_KINDS } from "../workloads/registry.js";
import type { WorkloadKind } from "../workloads/workload-kind.js";
import { errorAllowance, errorContradictions } from "./error-allowance.js";
import { distributionSchema, loopSchema, SHAPE_KEYS, valueSizesSchema } from "./load-shape.js";
import { problemsOf } from "./problems.js";
import type { Profile, Workload } from "./profile.js";
import { duration, share, whole } from "./scalars.js";
import { variantsSchema } from "./variants.js";

/** What one machine can be asked for; a figure beyond is a slip of the keyboard. */
export const PROFILE_LIMITS = {
  keysMax: 10_000_000,
  connectionsMax: 20_000,
  serversMax: 9,
  depthMax: 4_096,
  roundsMax: 1_000,
  sessionTimeoutMsMin: 1_000,
  sessionTimeoutMsMax: 3_600_000,
} as const;

const positiveDuration = duration.refine((micros) => micros > 0, "must be longer than 0");

const warmUpObject = z.strictObject({
  min: duration.default(2_000_000),
  max: duration.default(20_000_000),
  steadiness: share.default(0.1),
});
const warmUp = warmUpObject.refine((value) => value.min <= value.max, {
  path: ["max"],
  message: "must not be shorter than min",
});

const thresholds = z.record(z.string(), z.array(z.string())).transform((groups, context) => {
  const parsed: Threshold[] = [];
  for (const [metric, expressions] of Object.entries(groups)) {
    expressions.forEach((expression, index) => {
      try {
        parsed.push(parseThreshold(metric, expression));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        context.addIssue({ code: "custom", path: [metric, index], message: error.message });
      }
    });
  }
  return parsed;
});

const KINDS: readonly WorkloadKind[] = Object.values(WORKLOAD_KINDS) as unknown as WorkloadKind[];
const WORKLOAD_SCHEMAS = KINDS.map((kind) => kind.schema) as [z.ZodObject, ...z.ZodObject[]];

const profileObject = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "use lower-case letters, digits and dashes: it names a folder"),
  description: z.string().default(""),
  workload: z.discriminatedUnion("kind", WORKLOAD_SCHEMAS).transform(toWorkload),
  keys: whole(1, PROFILE_LIMITS.keysMax).default(1_000),
  valueBytes: valueSizesSchema.prefault(100),
  distribution: distributionSchema.prefault("uniform"),
  servers: whole(1, PROFILE_LIMITS.serversMax).default(1),
  connections: whole(1, PROFILE_LIMITS.connectionsMax),
  depth: whole(1, PROFILE_LIMITS.depthMax).default(1),
  loop: loopSchema.prefault("closed"),
  duration: positiveDuration,
  warmUp: warmUp.prefault({}),
  rounds: whole(1, PROFILE_LIMITS.roundsMax).default(3),
  sessionTimeout: duration
    .refine(
      (micros) =>
        micros >= PROFILE_LIMITS.sessionTimeoutMsMin * 1_000 && micros <= PROFILE_LIMITS.sessionTimeoutMsMax * 1_000,
      "must be from 1s to 1h",
    )
    .default(10_000_000),
  seed: whole(0, 0xffff_ffff).default(1),
  thresholds: thresholds.prefault({}),
  errorsMax: share.optional(),
  variants: variantsSchema.default({}),
});

/** The keys that may stand at a place of a profile, to suggest one for a key that may not. */
export function knownKeys(path: string, workloadKind: unknown): readonly string[] {
  const kind = KINDS.find((each) => each.kind === workloadKind);
  const objects: Readonly<Record<string, { readonly shape: object } | undefined>> = {
    "": profileObject,
    warmUp: warmUpObject,
    workload: kind?.schema,
    ...kind?.nested,
  };
  const general = path.replaceAll(/\.\d+(?=\.|$)/g, ".*");
  return SHAPE_KEYS[general] ?? Object.keys(objects[path]?.shape ?? {});
}

/**
 * Its variants are checked, and left for `parseProfile` to make. `roundIsOwn`: the profile itself says how long a round is,
 * so that one too short for the rest of it is an error.
 */
export const profileSchema = (roundIsOwn: boolean): z.ZodType<Profile> =>
  profileObject
    .superRefine((value, context) => {
      const { workload } = value;
      const kind = kindOf(workload);
      if (!kind.pipelined) {
        if (value.loop.kind !== "closed") {
          context.addIssue({
            code: "custom",
            path: ["loop"],
            message: `a ${workload.kind} workload is a closed loop: each step waits for the one before it`,
          });
        }
        if (value.depth !== 1) {
          context.addIssue({ code: "custom", path: ["depth"], message: `must be 1 in a ${workload.kind} workload` });
        }
      }
      const connectionsMin = kind.connectionsMin?.(workload) ?? 1;
      if (value.connections >= 1 && value.connections < connectionsMin) {
        context.addIssue({
          code: "custom",
          path: ["connections"],
          message: `must be at least ${connectionsMin} in this workload`,
        });
      }
      const setting = {
        keys: value.keys,
        valueBytes: largestBytes(value.valueBytes),
        connections: value.connections,
        durationMicros: value.duration,
        sessionTimeoutMs: Math.round(value.sessionTimeout / 1_000),
      };
      for (const { path, message, needsLongerRound } of problemsOf(workload, value.loop, setting)) {
        if (needsLongerRound === true && !roundIsOwn) continue;
        context.addIssue({ code: "custom", path: [...path], message });
      }
      for (const { path, message } of errorContradictions(value.errorsMax, value.thresholds)) {
        context.addIssue({ code: "custom", path: [...path], message });
      }
      const names = [...kind.operations(workload), "total"];
      for (const metric of new Set(value.thresholds.map((threshold) => threshold.metric))) {
        if (names.includes(metric)) continue;
        context.addIssue({
          code: "custom",
          path: ["thresholds", metric],
          message: `this workload measures no '${metric}'; it measures ${names.join(", ")}`,
        });
      }
    })
    .transform(
      (value): Profile => ({
        name: value.name,
        description: value.description,
        workload: value.workload,
        keys: value.keys,
        valueBytes: largestBytes(value.valueBytes),
        valueSizes: value.valueBytes,
        servers: value.servers,
        distribution: value.distribution,
        connections: value.connections,
        depth: value.depth,
        loop: value.loop,
        durationMicros: value.duration,
        warmUp: {
          minMicros: value.warmUp.min,
          maxMicros: value.warmUp.max,
          steadiness: value.warmUp.steadiness,
        },
        rounds: value.rounds,
        sessionTimeoutMs: Math.round(value.sessionTimeout / 1_000),
        seed: value.seed,
        thresholds: value.thresholds,
        ...errorAllowance(value.errorsMax, value.thresholds),
        variants: [],
      }),
    );

/** Of one variant: the variants themselves are none of its values. */
export const variantSchema = (roundIsOwn: boolean): z.ZodType<Profile> =>
  z.preprocess(
    (value) => (typeof value === "object" && value !== null ? { ...value, variants: {} } : value),
    profileSchema(roundIsOwn),
  );

function toWorkload(parsed: object): Workload {
  const kind = WORKLOAD_KINDS[(parsed as Workload).kind] as unknown as WorkloadKind;
  return kind.resolve(parsed as never);
}
