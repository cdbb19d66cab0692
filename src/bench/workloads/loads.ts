import type { TargetDriver } from "../../targets/driver.js";
import type { Load, LoadJob } from "../load/load.js";
import type { Workload } from "../profile/profile.js";
import type { Actor, Stage } from "./actor.js";
import { ActorLoad } from "./actor-load.js";
import { PartyActor } from "./barrier/party-actor.js";
import { coarseLockActor } from "./coarse-lock/coarse-lock-actor.js";
import { codisActor } from "./codis-routing/actors.js";
import { configPushActor } from "./config-push/config-push-plan.js";
import { queueActor } from "./fifo-queue/actors.js";
import { groupMembershipActor } from "./group-membership/group-membership-plan.js";
import { HaActor } from "./ha-failover/ha-actor.js";
import { HttpLoad } from "./http/http-load.js";
import { kafkaActor } from "./kafka-metadata/actors.js";
import { CandidateActor } from "./leader-election/candidate-actor.js";
import { lockContender } from "./lock/lock-contest.js";
import { MixLoad } from "./mix/mix-load.js";
import { NamingActor } from "./naming/naming-actor.js";
import { pubSubActor } from "./pub-sub/pub-sub-actors.js";
import { semaphoreContender } from "./semaphore/semaphore-contest.js";
import { serviceRegistryActor } from "./service-registry/service-registry-plan.js";
import { sessionIdleActor } from "./session-idle/idle-actors.js";
import { sessionStormActor } from "./session-storm/storm-actors.js";
import { sharedLockContender } from "./shared-lock/shared-lock-contest.js";
import { watchFanoutActor } from "./watch-fanout/watch-fanout-plan.js";
import { watchManyActor } from "./watch-many/watch-many-plan.js";
import { watchReconnectActor } from "./watch-reconnect/reconnect-actors.js";

type MakeLoad = (job: LoadJob, driver: TargetDriver, worker: number) => Load;

function actors(makeActor: (stage: Stage) => Actor): MakeLoad {
  return (job, driver, worker) => new ActorLoad(job, driver, worker, makeActor);
}

/** The load of every kind of workload, made in a load worker. */
const LOADS: Readonly<Record<Workload["kind"], MakeLoad>> = {
  mix: (job, driver, worker) => new MixLoad(job, driver, worker),
  http: (job, driver, worker) => new HttpLoad(job, driver, worker),
  lock: actors(lockContender),
  "shared-lock": actors(sharedLockContender),
  semaphore: actors(semaphoreContender),
  "coarse-lock": actors(coarseLockActor),
  "leader-election": actors((stage) => new CandidateActor(stage)),
  "fifo-queue": actors(queueActor),
  barrier: actors((stage) => new PartyActor(stage)),
  naming: actors((stage) => new NamingActor(stage)),
  "kafka-metadata": actors(kafkaActor),
  "codis-routing": actors(codisActor),
  "ha-failover": actors((stage) => new HaActor(stage)),
  "watch-fanout": actors(watchFanoutActor),
  "watch-many": actors(watchManyActor),
  "watch-reconnect": actors(watchReconnectActor),
  "session-storm": actors(sessionStormActor),
  "session-idle": actors(sessionIdleActor),
  "config-push": actors(configPushActor),
  "service-registry": actors(serviceRegistryActor),
  "group-membership": actors(groupMembershipActor),
  "pub-sub": actors(pubSubActor),
};

export function createLoad(job: LoadJob, driver: TargetDriver, worker: number): Load {
  return LOADS[job.workload.kind](job, driver, worker);
}
