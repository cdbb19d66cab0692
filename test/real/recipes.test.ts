import { describeRecipes } from "../support/recipe-suite.js";
import { oneOrNone, REMEDY, startZooKeeper, zooKeepersHere } from "../support/zookeeper.js";

for (const installation of oneOrNone(zooKeepersHere())) {
  describeRecipes({
    title: `Apache ZooKeeper ${installation?.version ?? ""}`,
    remedy: REMEDY,
    start: installation === undefined ? undefined : () => startZooKeeper(installation, 200),
  });
}
