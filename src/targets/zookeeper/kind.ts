import { mkdir, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { attach } from "../attached-ensemble.js";
import { placesHere } from "../places.js";
import { type EnsemblePlan, startEnsemble } from "../process/managed-ensemble.js";
import type { MemberPlan } from "../process/managed-member.js";
import { LOOPBACK } from "../process/ports.js";
import type { Ensemble, StartOptions, TargetKind } from "../target.js";
import { findZookeeper, type ZookeeperInstallation } from "./find.js";
import { fourLetterProbe } from "./probe.js";
import { writeZooConfigs, ZOO_PORTS_PER_SERVER, type ZooMember, zooSettings } from "./zoo-config.js";

const REMEDY = "run 'zabench targets install zookeeper'";
const READY_TIMEOUT_MS = 90_000;

/** The heap that Apache's own start script gives a server. */
const HEAP_MEBIBYTES = 1_000;

/** All the heaps together take half of the memory at most. */
export function heapMebibytes(servers: number, memoryBytes: number): number {
  return Math.max(64, Math.min(HEAP_MEBIBYTES, Math.floor(memoryBytes / 2 / servers / 1_048_576)));
}

// Releases since 3.8 log through logback, those before it and Debian's build through log4j; each reads its own file.
const LOGBACK = `<configuration>
  <appender name="CONSOLE" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5p [%t] %c{1}: %m%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="CONSOLE"/></root>
</configuration>
`;
const LOG4J = `log4j.rootLogger=WARN, CONSOLE
log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender
log4j.appender.CONSOLE.layout=org.apache.log4j.PatternLayout
log4j.appender.CONSOLE.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{1}: %m%n
`;

async function planMember(installation: ZookeeperInstallation, heap: string, member: ZooMember): Promise<MemberPlan> {
  const conf = join(member.folder, "conf");
  await mkdir(conf);
  await writeFile(join(conf, "logback.xml"), LOGBACK);
  await writeFile(join(conf, "log4j.properties"), LOG4J);
  return {
    clientPort: member.clientPort,
    command: {
      file: installation.java,
      args: [
        heap,
        "-cp",
        [conf, ...installation.classPath].join(delimiter),
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        member.configPath,
      ],
      folder: member.folder,
      logPath: join(member.folder, "server.log"),
    },
    probe: fourLetterProbe({ host: LOOPBACK, port: member.clientPort }),
  };
}

export function planZookeeper(installation: ZookeeperInstallation, options: StartOptions): EnsemblePlan {
  const settings = zooSettings("zookeeper", options.configuration);
  const heap = `-Xmx${heapMebibytes(options.servers, totalmem())}m`;
  return {
    name: "zookeeper",
    version: installation.version,
    flags: { fsync: "yes", heap, ...settings },
    portsPerServer: ZOO_PORTS_PER_SERVER,
    readyTimeoutMs: READY_TIMEOUT_MS,
    prepare: async (folder, ports) => {
      const members = await writeZooConfigs(folder, ports, settings);
      return await Promise.all(members.map((member) => planMember(installation, heap, member)));
    },
  };
}

async function start(options: StartOptions): Promise<Ensemble> {
  const [preferred] = findZookeeper(placesHere());
  if (preferred === undefined) {
    throw new UserError(USER_ERRORS.targetMissing, { target: "zookeeper", remedy: REMEDY });
  }
  return await startEnsemble(planZookeeper(preferred, options), options);
}

export const zookeeper: TargetKind = {
  name: "zookeeper",
  remedy: REMEDY,
  find: async () => findZookeeper(placesHere()),
  start,
  attach: (addresses) => attach("zookeeper", addresses, fourLetterProbe),
};
