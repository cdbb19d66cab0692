import { findEtcd } from "../../src/targets/etcd/find.js";
import { planEtcd } from "../../src/targets/etcd/kind.js";
import { placesHere } from "../../src/targets/places.js";
import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import type { Ensemble } from "../../src/targets/target.js";

export const ETCD_REMEDY = "run 'zabench targets install etcd'";

export interface TestEtcd {
  readonly version: string;
  start(servers: number): Promise<Ensemble>;
}

/** Every etcd found on this machine, one of each version. */
export async function everyEtcd(): Promise<readonly TestEtcd[]> {
  const found = await findEtcd(placesHere());
  const versions = new Map(found.map((installation) => [installation.version, installation]));
  return [...versions.values()].map((installation) => ({
    version: installation.version,
    start: (servers) => {
      const options = { servers };
      return startEnsemble(planEtcd(installation, options), options);
    },
  }));
}
