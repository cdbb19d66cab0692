import { readdir } from "node:fs/promises";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { findOnPath } from "../places.js";
import { findJava, findZookeeper } from "../zookeeper/find.js";
import { aptInstall, aptObstacle } from "./apt.js";
import { installInCache } from "./cache.js";
import { copyMavenArtifacts } from "./maven.js";
import type { InstallContext, Tool } from "./tool.js";

/** Released and known to serve; used where the registry's own answer cannot be had. */
const KNOWN_GOOD_VERSION = "3.9.4";

/** Provided by the distribution, not by the artifact: metrics, snapshot compression, and where the log goes. */
const COMPANIONS = [
  { group: "io.dropwizard.metrics", artifact: "metrics-core", version: "4.1.12.1" },
  { group: "org.xerial.snappy", artifact: "snappy-java", version: "1.1.10.5" },
  { group: "ch.qos.logback", artifact: "logback-classic", version: "1.3.15" },
];

/** A registry may list a release before, or without, all of its parts: then the one before it will do. */
const ATTEMPTS = 3;

const REMEDY = "run 'zabench targets install zookeeper' with Java and Maven installed, or as root on Debian";

/** "3.9.6" of a message that names `org.apache.zookeeper:zookeeper:jar:3.9.6`. */
function failedVersion(message: string): string | undefined {
  return /org\.apache\.zookeeper:[a-z-]+:(?:jar|pom):(\d+\.\d+\.\d+)/.exec(message)?.[1];
}

async function fromMaven(context: InstallContext): Promise<void> {
  await installInCache("zookeeper", context, async (work, result) => {
    let version = "[3.9,3.10-alpha)";
    for (let attempt = 1; ; attempt++) {
      context.report(`getting Apache ZooKeeper ${version} with Maven`);
      const zookeeper = { group: "org.apache.zookeeper", artifact: "zookeeper", version };
      try {
        await copyMavenArtifacts(context, [zookeeper, ...COMPANIONS], work, result);
        break;
      } catch (error) {
        if (!(error instanceof UserError) || version === KNOWN_GOOD_VERSION) throw error;
        const failed = failedVersion(error.message);
        version = failed === undefined || attempt === ATTEMPTS ? KNOWN_GOOD_VERSION : `[3.9,${failed})`;
      }
    }
    const jars = await readdir(result);
    const copied = jars.flatMap((name) => /^zookeeper-(\d+(?:\.\d+)+)\.jar$/.exec(name)?.[1] ?? []);
    const [found] = copied;
    if (found === undefined) {
      throw new UserError(USER_ERRORS.cannotInstall, {
        tool: "zookeeper",
        reason: "Maven copied no zookeeper jar",
        remedy: "check the repositories in your Maven settings",
      });
    }
    return found;
  });
}

async function install(context: InstallContext): Promise<void> {
  const missing = [
    ...(findJava(context.places) === undefined ? ["default-jre-headless"] : []),
    ...(findOnPath("mvn", context.places) === undefined ? ["maven"] : []),
  ];
  const obstacle = aptObstacle(context);
  if (missing.length > 0) {
    if (obstacle !== undefined) {
      const reason = `${missing.join(" and ")} missing, and ${obstacle}`;
      throw new UserError(USER_ERRORS.cannotInstall, { tool: "zookeeper", reason, remedy: REMEDY });
    }
    await aptInstall(context, missing);
  }
  try {
    await fromMaven(context);
  } catch (error) {
    if (obstacle !== undefined || !(error instanceof UserError)) throw error;
    context.report(`Maven did not give it (${error.message}); taking Debian's package`);
    await aptInstall(context, ["zookeeper"]);
  }
}

export const zookeeperTool: Tool = {
  name: "zookeeper",
  title: "Apache ZooKeeper",
  find: async (places) => findZookeeper(places),
  isSatisfied: async ({ places }) => findZookeeper(places).some((copy) => copy.cached),
  install,
  remedy: REMEDY,
};
