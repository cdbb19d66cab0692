import type { Profile, Workload } from "../profile/profile.js";
import { barrierKind } from "./barrier/kind.js";
import { coarseLockKind } from "./coarse-lock/kind.js";
import { codisRoutingKind } from "./codis-routing/kind.js";
import { configPushKind } from "./config-push/kind.js";
import { fifoQueueKind } from "./fifo-queue/kind.js";
import { groupMembershipKind } from "./group-membership/kind.js";
import { haFailoverKind } from "./ha-failover/kind.js";
import { httpKind } from "./http/kind.js";
import { kafkaMetadataKind } from "./kafka-metadata/kind.js";
import { leaderElectionKind } from "./leader-election/kind.js";
import { lockKind } from "./lock/kind.js";
import { mixKind } from "./mix/kind.js";
import { namingKind } from "./naming/kind.js";
import { pubSubKind } from "./pub-sub/kind.js";
import { semaphoreKind } from "./semaphore/kind.js";
import { serviceRegistryKind } from "./service-registry/kind.js";
import { sessionIdleKind } from "./session-idle/kind.js";
import { sessionStormKind } from "./session-storm/kind.js";
import { sharedLockKind } from "./shared-lock/kind.js";
import { watchFanoutKind } from "./watch-fanout/kind.js";
import { watchManyKind } from "./watch-many/kind.js";
import { watchReconnectKind } from "./watch-reconnect/kind.js";
import type { WorkloadKind } from "./workload-kind.js";

/** Every kind of workload. A new one is added here, to `loads.ts` and to `Workload` in profile.ts. */
export const WORKLOAD_KINDS = {
  mix: mixKind,
  http: httpKind,
  lock: lockKind,
  "shared-lock": sharedLockKind,
  semaphore: semaphoreKind,
  "coarse-lock": coarseLockKind,
  "watch-fanout": watchFanoutKind,
  "leader-election": leaderElectionKind,
  "fifo-queue": fifoQueueKind,
  barrier: barrierKind,
  naming: namingKind,
  "kafka-metadata": kafkaMetadataKind,
  "codis-routing": codisRoutingKind,
  "ha-failover": haFailoverKind,
  "watch-many": watchManyKind,
  "watch-reconnect": watchReconnectKind,
  "session-storm": sessionStormKind,
  "session-idle": sessionIdleKind,
  "config-push": configPushKind,
  "service-registry": serviceRegistryKind,
  "group-membership": groupMembershipKind,
  "pub-sub": pubSubKind,
} as const satisfies { readonly [K in Workload["kind"]]: WorkloadKind<Extract<Workload, { kind: K }>> };

export function kindOf(workload: Workload): WorkloadKind {
  // The table pairs every kind with its own workload, which a lookup by a union of kinds cannot tell.
  return WORKLOAD_KINDS[workload.kind] as unknown as WorkloadKind;
}

/** The operations a profile reports, by name. */
export function operationNames(profile: Profile): readonly string[] {
  return kindOf(profile.workload).operations(profile.workload);
}

/** Those that make up `total`. */
export function countedOperations(profile: Profile): readonly string[] {
  return kindOf(profile.workload).counted(profile.workload);
}
