import type { z } from "zod";
import type { TreeShape } from "../../targets/driver.js";
import type { TargetName } from "../../targets/target.js";
import type { SharedRegion } from "../../workers/load-shared.js";
import type { CheckTally } from "../load/load.js";
import type { Profile, Workload } from "../profile/profile.js";
import type { MemberCost, MetricRecord } from "../result.js";

/**
 * What the harness knows of one kind of workload outside its load workers: the table of them is `registry.ts`. The load
 * itself is made in the workers, see `loads.ts`.
 */
export interface WorkloadKind<W extends Workload = Workload> {
  readonly kind: W["kind"];
  /** What `workload:` may hold in a profile: a strict object whose `kind` is a literal. */
  readonly schema: z.ZodObject;
  /** Mappings within it, by their path from the profile's root ("workload.operations"), to suggest keys of. */
  readonly nested?: Readonly<Record<string, z.ZodObject>>;
  /** `parsed` is what the schema made of it. */
  resolve(parsed: never): W;
  /** What is wrong with it beside other values of its profile; `path` is from the profile's root. */
  problems?(workload: W, setting: WorkloadSetting): readonly KindProblem[];
  /** The folders that hold the keys; flat where there is no such method. */
  tree?(workload: W): TreeShape;
  /** Whether operations may be outstanding together and come by a schedule; else each step waits for the one before. */
  readonly pipelined: boolean;
  /** How many connections it needs at the least; 1 where left out. */
  connectionsMin?(workload: W): number;
  /** How many connections it opens beside those of the profile, numbered after them; none where left out. */
  extraConnections?(workload: W): number;
  /** What it can be run on. */
  targets(workload: W): readonly TargetName[];
  /** What this workload asks of a target that the target does not promise; said in the report. */
  caveats?(target: TargetName, workload: W): readonly string[];
  /** The operations it reports, by name. */
  operations(workload: W): readonly string[];
  /** Those that make up `total` and that costs are divided by; the others are parts or views of the same work. */
  counted(workload: W): readonly string[];
  /** How many values exist before the first operation. */
  keys(profile: Profile, workload: W): number;
  /** 32-bit words that its load workers share in a round. */
  regionWords(profile: Profile, workload: W): number;
  /** Figures of its own beside rates and latencies. */
  metrics(measured: Measured, profile: Profile, workload: W): MetricRecord[];
  /** Checks over what all workers together left in the region, once all of them have ended the round. */
  judge?(region: SharedRegion, profile: Profile, workload: W): CheckTally[];
}

export interface KindProblem {
  readonly path: readonly string[];
  readonly message: string;
  /** It is the round that is too short: where an option has made it so, that is told of in the result, and no error. */
  readonly needsLongerRound?: boolean;
}

/** The values of a profile that a workload has to get by with. */
export type WorkloadSetting = Pick<
  Profile,
  "keys" | "valueBytes" | "connections" | "durationMicros" | "sessionTimeoutMs"
>;

export interface Measured {
  /** What loads counted by name (see `LoadReport.figures`), of all workers and rounds. */
  readonly figures: Readonly<Record<string, readonly number[]>>;
  /** Of all rounds together. */
  readonly durationMicros: number;
  /** What the servers used, each in each round; empty where their processes are not known. */
  readonly members: readonly MemberCost[];
}
