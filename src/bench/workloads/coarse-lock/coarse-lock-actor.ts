import { assert } from "../../../base/assert.js";
import type { Actor, Stage } from "../actor.js";
import { Contender } from "../contention/contender.js";
import { CoarseLockContest } from "./coarse-lock-contest.js";
import { verifierCount } from "./layout.js";
import { Verifier } from "./verifier.js";

export function coarseLockActor(stage: Stage): Actor {
  const { workload, connections } = stage.job;
  assert(workload.kind === "coarse-lock", "a coarse-lock actor needs a coarse-lock workload");
  const contenders = connections - verifierCount(connections, workload.verifiers);
  return stage.index < contenders
    ? new Contender(stage, new CoarseLockContest(stage, workload), workload.holdMicros)
    : new Verifier(stage, workload);
}
