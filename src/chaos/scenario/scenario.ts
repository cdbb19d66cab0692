/** What can be done to an ensemble at a point of a scenario. */
export const ACTIONS = ["kill", "restart", "pause", "resume", "latency", "heal"] as const;
export type Action = (typeof ACTIONS)[number];

export interface TimelineStep {
  /** From the start of a round. */
  readonly atMicros: number;
  readonly action: Action;
  /** Whom it happens to; restart, resume and heal undo what was done before and need none. */
  readonly member: "leader" | "all" | number;
  /** Of a latency toxic, each way. */
  readonly latencyMs: number;
  readonly jitterMs: number;
}

/** Workload, timeline of faults, and what must hold: one YAML file, validated. */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** Sessions that write, spread over all members; each has one write outstanding. */
  readonly clients: number;
  readonly valueBytes: number;
  readonly sessionTimeoutMs: number;
  readonly servers: number;
  readonly rounds: number;
  /** Of one round. */
  readonly durationMicros: number;
  readonly timeline: readonly TimelineStep[];
  /** The longest outage over all clients that passes; undefined sets no limit. */
  readonly outageMaxMicros: number | undefined;
}

export interface LoadedScenario {
  readonly scenario: Scenario;
  /** The YAML, whole. */
  readonly text: string;
  readonly overrides: Readonly<Record<string, string>>;
}

/** Links that a fault of the timeline works on exist only where clients connect through Toxiproxy. */
export function needsToxiproxy(scenario: Scenario): boolean {
  return scenario.timeline.some(({ action }) => action === "latency");
}
