import { z } from "zod";
import { parseDurationMicros, parseSizeBytes } from "../../base/units.js";
import { UserError } from "../../base/user-error.js";
import { parseStrictYaml } from "../../bench/profile/parse.js";
import { ACTIONS, type Scenario } from "./scenario.js";

const CLIENTS_MAX = 1_000;
const ROUNDS_MAX = 1_000;
const SERVERS_MAX = 9;
const VALUE_BYTES_MAX = 1_000_000;
/** Throughput is measured before the first fault, so there must be a time before it. */
const FIRST_FAULT_MICROS_MIN = 1_000_000;

function scalar(parse: (text: string) => number): z.ZodType<number, string | number> {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    try {
      return parse(String(value));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

const duration = scalar(parseDurationMicros);
const whole = (min: number, max: number): z.ZodNumber => z.number().int().min(min).max(max);

const step = z.strictObject({
  at: duration,
  action: z.enum(ACTIONS),
  member: z.union([z.literal("leader"), z.literal("all"), whole(1, SERVERS_MAX)]).default("leader"),
  latency: duration.default(0),
  jitter: duration.default(0),
});

const expectation = z.strictObject({ outage: duration.optional() });

const document = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]+$/, "takes small letters, digits and hyphens"),
  description: z.string().min(1),
  clients: whole(1, CLIENTS_MAX),
  valueBytes: scalar(parseSizeBytes)
    .refine((bytes) => bytes <= VALUE_BYTES_MAX, `must be at most ${VALUE_BYTES_MAX} bytes`)
    .default(100),
  sessionTimeout: duration.default(10_000_000),
  servers: whole(1, SERVERS_MAX),
  rounds: whole(1, ROUNDS_MAX).default(1),
  duration,
  timeline: z.array(step).min(1),
  expect: expectation.default({}),
});

const scenarioSchema: z.ZodType<Scenario> = document
  .superRefine(({ timeline, duration: durationMicros }, context) => {
    const complain = (index: number, key: string, message: string): void => {
      context.addIssue({ code: "custom", path: ["timeline", index, key], message });
    };
    timeline.forEach(({ at, action, latency }, index) => {
      if (index === 0 && at < FIRST_FAULT_MICROS_MIN)
        complain(index, "at", "must leave a second before the first fault");
      if (at >= durationMicros) complain(index, "at", "must be before the end of the round");
      if (index > 0 && at < timeline[index - 1]!.at) complain(index, "at", "must not be before the step above it");
      if (action === "latency" && latency <= 0) complain(index, "action", "needs a latency, such as latency: 50ms");
      if (action !== "latency" && latency > 0) complain(index, "latency", "belongs to the action latency only");
    });
  })
  .transform(({ timeline, duration: durationMicros, sessionTimeout, expect, ...rest }) => ({
    ...rest,
    durationMicros,
    sessionTimeoutMs: sessionTimeout / 1_000,
    timeline: timeline.map(({ at, action, member, latency, jitter }) => ({
      atMicros: at,
      action,
      member,
      latencyMs: latency / 1_000,
      jitterMs: jitter / 1_000,
    })),
    outageMaxMicros: expect.outage,
  }));

/** Reads a scenario; `file` is for messages. Throws UserError `profileInvalid` with every problem and its place. */
export function parseScenario(text: string, file: string): Scenario {
  return parseStrictYaml(text, file, scenarioSchema, (path) => {
    if (path === "") return Object.keys(document.shape);
    return Object.keys(path === "expect" ? expectation.shape : step.shape);
  });
}
