import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { cachedVersions, findOnPath, type Places } from "../places.js";
import type { Installation } from "../target.js";

export interface ZookeeperInstallation extends Installation {
  readonly target: "zookeeper";
  /** Installed by `zabench targets install`. */
  readonly cached: boolean;
  readonly java: string;
  readonly classPath: readonly string[];
}

/** Without the version: the packages have each jar under its plain name and under the one with the version. */
const DEBIAN_JARS = [
  "zookeeper",
  "zookeeper-jute",
  "slf4j-api",
  "slf4j-log4j12",
  "log4j-1.2",
  "netty-buffer",
  "netty-codec",
  "netty-common",
  "netty-handler",
  "netty-resolver",
  "netty-transport",
  "netty-transport-native-epoll",
  "netty-transport-native-unix-common",
  "commons-cli",
  "commons-io",
  "metrics-core",
  "snappy-java",
];

function jarsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jar"))
    .map((name) => join(folder, name));
}

/** The software's own version, from the name of its jar. */
function versionOf(jars: readonly string[]): string | undefined {
  for (const jar of jars) {
    const version = /^zookeeper-(\d+(?:\.\d+)+)\.jar$/.exec(basename(jar))?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

type Copy = Pick<ZookeeperInstallation, "version" | "origin" | "cached" | "classPath">;

function inCache(places: Places): Copy[] {
  return cachedVersions("zookeeper", places).map(({ version, folder }) => ({
    version,
    origin: "Maven, in the zabench cache",
    cached: true,
    classPath: jarsIn(folder),
  }));
}

/** A release of Apache's, unpacked: its jars are in `lib`, as `bin/zkEnv.sh` has them. */
function inHome(places: Places): Copy[] {
  const home = places.environment["ZOOKEEPER_HOME"];
  if (home === undefined || home === "") return [];
  const classPath = [...jarsIn(join(home, "lib")), ...jarsIn(home)];
  const version = versionOf(classPath);
  return version === undefined ? [] : [{ version, origin: `ZOOKEEPER_HOME ${home}`, cached: false, classPath }];
}

function inDebian(places: Places): Copy[] {
  const classPath = DEBIAN_JARS.map((name) => join(places.debianJars, `${name}.jar`)).filter(existsSync);
  const version = versionOf(jarsIn(places.debianJars));
  return version === undefined ? [] : [{ version, origin: "Debian package zookeeper", cached: false, classPath }];
}

export function findJava(places: Places): string | undefined {
  const home = places.environment["JAVA_HOME"];
  const own = home === undefined || home === "" ? undefined : join(home, "bin", "java");
  return own !== undefined && existsSync(own) ? own : findOnPath("java", places);
}

/** Empty where there is no Java, whatever jars there are. */
export function findZookeeper(places: Places): ZookeeperInstallation[] {
  const java = findJava(places);
  if (java === undefined) return [];
  const copies = [...inCache(places), ...inHome(places), ...inDebian(places)];
  return copies.map((copy) => ({ target: "zookeeper", java, ...copy }));
}
