import { z } from "zod";
import { parseSizeBytes } from "../../base/units.js";
import type { Distribution, Loop, RatePiece, ValueSizes } from "./profile.js";
import { duration, scalar, share } from "./scalars.js";
import { parseRatePerSecond } from "./units.js";

// What a profile says of when operations come, on which keys, and how large their values are: each a word or a mapping.

/** YCSB's. */
const ZIPFIAN_EXPONENT = 0.99;
const VALUE_BYTES_MAX = 1_000_000;
const STEPS_MAX = 1_000;

const positiveDuration = duration.refine((micros) => micros > 0, "must be longer than 0");
const rate = scalar(parseRatePerSecond);
const size = scalar(parseSizeBytes).refine(
  (bytes) => bytes <= VALUE_BYTES_MAX,
  `must be at most ${VALUE_BYTES_MAX} bytes`,
);
const weight = z.number().min(0).max(1_000_000);
const arrival = z.enum(["constant", "poisson"]).default("constant");

const step = z.strictObject({ rate, for: positiveDuration });
const constantLoop = z.strictObject({ rate, arrival });
const steppedLoop = z.strictObject({ steps: z.array(step).min(1).max(STEPS_MAX), arrival });
const rampingLoop = z.strictObject({ from: rate, to: rate, over: positiveDuration, arrival });

const uniformKeys = z.strictObject({ kind: z.literal("uniform") });
const sequentialKeys = z.strictObject({ kind: z.literal("sequential") });
const zipfianKeys = z.strictObject({
  kind: z.literal("zipfian"),
  exponent: z.number().min(0.01).max(10).default(ZIPFIAN_EXPONENT),
});
const hotSetKeys = z.strictObject({
  kind: z.literal("hotSet"),
  keys: share.refine((part) => part > 0, "must be more than 0%: a hot set needs a key"),
  operations: share,
});

const uniformSizes = z.strictObject({ kind: z.literal("uniform"), min: size, max: size });
const weightedSize = z.strictObject({ bytes: size, weight });
const weightedSizes = z.strictObject({ kind: z.literal("weighted"), sizes: z.array(weightedSize).min(1).max(1_000) });
const lognormalSizes = z.strictObject({
  kind: z.literal("lognormal"),
  median: size,
  sigma: z.number().min(0).max(10),
  min: size.default(0),
  max: size,
});

/** Of the mappings in here, the keys they may have, by where they stand in a profile; "*" is any item of a list. */
export const SHAPE_KEYS: Readonly<Record<string, readonly string[]>> = {
  loop: keysOf(constantLoop, steppedLoop, rampingLoop),
  "loop.steps.*": keysOf(step),
  distribution: keysOf(zipfianKeys, hotSetKeys),
  valueBytes: keysOf(uniformSizes, weightedSizes, lognormalSizes),
  "valueBytes.sizes.*": keysOf(weightedSize),
};

/** Of those whose forms have keys of their own, which go together. */
export const SHAPE_ALTERNATIVES: Readonly<Record<string, string>> = {
  loop: "rate, steps and from/to/over exclude each other: keep one of them",
  distribution: keysByKind(uniformKeys, sequentialKeys, zipfianKeys, hotSetKeys),
  valueBytes: keysByKind(uniformSizes, weightedSizes, lognormalSizes),
};

/** What each is, for people who wrote something else. */
export const SHAPE_FORMS: Readonly<Record<string, string>> = {
  loop: "'closed' or a rate, such as {rate: 5000/s}, {steps: [{rate: 1000/s, for: 5s}]} or {from: 1000/s, to: 5000/s, over: 10s}",
  distribution:
    "'uniform', 'sequential', 'zipfian' or a mapping, such as {kind: zipfian, exponent: 1.1} or {kind: hotSet, keys: 10%, operations: 90%}",
  "distribution.kind": "'uniform', 'sequential', 'zipfian' or 'hotSet'",
  valueBytes: "a size or a mapping, such as {kind: uniform, min: 100, max: 4KiB}",
  "valueBytes.kind": "'uniform', 'weighted' or 'lognormal'",
};

export const loopSchema = z
  .union([z.literal("closed"), constantLoop, steppedLoop, rampingLoop])
  .transform((value): Loop => {
    if (value === "closed") return { kind: "closed" };
    if ("rate" in value) return { kind: "open", arrival: value.arrival, ratePerSecond: value.rate };
    const pieces: RatePiece[] =
      "steps" in value
        ? value.steps.map((each) => ({ fromPerSecond: each.rate, toPerSecond: each.rate, durationMicros: each.for }))
        : [{ fromPerSecond: value.from, toPerSecond: value.to, durationMicros: value.over }];
    const { fromPerSecond } = pieces[0] as RatePiece;
    return { kind: "open", arrival: value.arrival, ratePerSecond: fromPerSecond, pieces };
  });

export const distributionSchema = z
  .union([
    z.enum(["uniform", "sequential", "zipfian"]),
    z.discriminatedUnion("kind", [uniformKeys, sequentialKeys, zipfianKeys, hotSetKeys]),
  ])
  .transform((value): Distribution => {
    if (value === "zipfian") return { kind: "zipfian", exponent: ZIPFIAN_EXPONENT };
    if (typeof value === "string") return { kind: value };
    if (value.kind !== "hotSet") return value;
    return { kind: "hotSet", keyShare: value.keys, operationShare: value.operations };
  });

export const valueSizesSchema = z
  .union([size, z.discriminatedUnion("kind", [uniformSizes, weightedSizes, lognormalSizes])])
  .superRefine((value, context) => {
    if (typeof value === "number") return;
    if (value.kind === "weighted") {
      if (value.sizes.some((each) => each.weight > 0)) return;
      context.addIssue({ code: "custom", path: ["sizes"], message: "at least one size needs a weight above 0" });
    } else if (value.min > value.max) {
      context.addIssue({ code: "custom", path: ["max"], message: "must not be less than min" });
    } else if (value.kind === "lognormal" && (value.median < value.min || value.median > value.max)) {
      const message = `must be from min to max, ${value.min} to ${value.max} bytes`;
      context.addIssue({ code: "custom", path: ["median"], message });
    }
  })
  .transform((value): ValueSizes => {
    if (typeof value === "number") return { kind: "fixed", bytes: value };
    if (value.kind === "weighted") return { kind: "weighted", sizes: value.sizes.filter((each) => each.weight > 0) };
    if (value.kind === "uniform") return { kind: "uniform", minBytes: value.min, maxBytes: value.max };
    return {
      kind: "lognormal",
      medianBytes: value.median,
      sigma: value.sigma,
      minBytes: value.min,
      maxBytes: value.max,
    };
  });

type OfKind = z.ZodObject<{ kind: z.ZodLiteral<string> }>;

/** "zipfian takes exponent; hotSet takes keys, operations"; kinds without keys of their own are left out. */
function keysByKind(...objects: readonly OfKind[]): string {
  const told = objects.flatMap((object) => {
    const keys = Object.keys(object.shape).filter((key) => key !== "kind");
    return keys.length === 0 ? [] : [`${object.shape.kind.value} takes ${keys.join(", ")}`];
  });
  return told.join("; ");
}

function keysOf(...objects: readonly { readonly shape: object }[]): readonly string[] {
  return [...new Set(objects.flatMap((object) => Object.keys(object.shape)))];
}
