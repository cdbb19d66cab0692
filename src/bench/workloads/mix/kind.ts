import { z } from "zod";
import { CREATE_KINDS, folderCount } from "../../../targets/driver.js";
import type { TargetName } from "../../../targets/target.js";
import { FAN_OUT_MAX } from "../../../targets/zookeeper/keys.js";
import { MIX_OPERATIONS, type MixWorkload } from "../../profile/profile.js";
import { whole } from "../../profile/scalars.js";
import type { KindProblem, WorkloadKind, WorkloadSetting } from "../workload-kind.js";

const DEPTH_MAX = 100;
const FOLDERS_MAX = 100_000;
/** etcd's default --max-txn-ops. */
const MULTI_WRITES_MAX = 128;
/** Of one transaction's values: what ZooKeeper's default jute.maxbuffer has room for. */
const MULTI_BYTES_MAX = 1_000_000;

const weight = z.number().min(0).max(1_000_000).optional();
const operations = z.strictObject({
  read: weight,
  readLinearizable: weight,
  exists: weight,
  children: weight,
  sync: weight,
  write: weight,
  setVersioned: weight,
  multi: weight,
  create: weight,
  delete: weight,
});

const tree = z
  .strictObject({ depth: whole(0, DEPTH_MAX), fanOut: whole(1, FAN_OUT_MAX) })
  .refine((value) => folderCount(value) <= FOLDERS_MAX, {
    path: ["depth"],
    message: `fanOut to the power of depth must be at most ${FOLDERS_MAX} folders`,
  });

const schema = z
  .strictObject({
    kind: z.literal("mix"),
    operations,
    tree: tree.prefault({ depth: 0, fanOut: 1 }),
    createKind: z.enum(CREATE_KINDS).default("persistent"),
    multiWrites: whole(1, MULTI_WRITES_MAX).default(10),
  })
  .refine((workload) => Object.values(workload.operations).some((value) => (value ?? 0) > 0), {
    path: ["operations"],
    message: "at least one operation needs a weight above 0",
  });

/** Independent operations, drawn by weight. */
export const mixKind: WorkloadKind<MixWorkload> = {
  kind: "mix",
  schema,
  nested: { "workload.operations": operations, "workload.tree": tree },
  resolve: (parsed: z.output<typeof schema>) => ({ ...parsed, operations: weighed(parsed.operations) }),
  problems: problemsOf,
  tree: (workload) => workload.tree,
  pipelined: true,
  targets: targetsOf,
  operations: (workload) => Object.keys(workload.operations),
  counted: (workload) => Object.keys(workload.operations),
  keys: (profile) => profile.keys,
  regionWords: () => 0,
  metrics: () => [],
};

/** Those with a weight above 0, in the order of `MIX_OPERATIONS`. */
function weighed(given: z.output<typeof operations>): MixWorkload["operations"] {
  return Object.fromEntries(
    MIX_OPERATIONS.flatMap((name) => ((given[name] ?? 0) > 0 ? [[name, given[name]] as const] : [])),
  );
}

/** etcd has neither folders, nor a sync by itself, nor names that it makes up; its leases belong to no connection. */
function targetsOf({ operations: given, tree: shape, createKind }: MixWorkload): readonly TargetName[] {
  const creates = (given.create ?? 0) > 0;
  const everywhere = shape.depth === 0 && given.sync === undefined && !(creates && createKind !== "persistent");
  return everywhere ? ["core", "zookeeper", "etcd"] : ["core", "zookeeper"];
}

function problemsOf(workload: MixWorkload, { keys, valueBytes }: WorkloadSetting): readonly KindProblem[] {
  const { operations: given, multiWrites } = workload;
  const problems: KindProblem[] = [];
  if (given.delete !== undefined && given.create === undefined) {
    const message = "needs a weight of 'create' beside it: a connection deletes what it created";
    problems.push({ path: ["workload", "operations", "delete"], message });
  }
  if (given.multi !== undefined) {
    const path = ["workload", "multiWrites"];
    if (multiWrites > keys) problems.push({ path, message: `must be at most the number of keys, ${keys}` });
    if (multiWrites * valueBytes > MULTI_BYTES_MAX) {
      problems.push({ path, message: `times the largest value must be at most ${MULTI_BYTES_MAX} bytes` });
    }
  }
  return problems;
}
