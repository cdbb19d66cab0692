import { startEnsemble } from "../../src/targets/process/managed-ensemble.js";
import { planZookeeper } from "../../src/targets/zookeeper/kind.js";
import { describeDriver } from "../support/driver-suite.js";
import { oneOrNone, REMEDY, zooKeepersHere } from "../support/zookeeper.js";

for (const installation of oneOrNone(zooKeepersHere())) {
  const options = { servers: 1 };
  describeDriver({
    title: `Apache ZooKeeper ${installation?.version ?? ""}`,
    remedy: REMEDY,
    start: installation === undefined ? undefined : () => startEnsemble(planZookeeper(installation, options), options),
  });
}
