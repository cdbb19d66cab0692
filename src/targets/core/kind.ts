import { join } from "node:path";
import { attach } from "../attached-ensemble.js";
import { type EnsemblePlan, startEnsemble } from "../process/managed-ensemble.js";
import { LOOPBACK } from "../process/ports.js";
import type { Ensemble, StartOptions, TargetKind } from "../target.js";
import { fourLetterProbe } from "../zookeeper/probe.js";
import { writeZooConfigs, ZOO_PORTS_PER_SERVER, zooSettings } from "../zookeeper/zoo-config.js";
import { CLI_PATH, packageVersion } from "./package-root.js";

const REMEDY = "it is part of zabench: run 'npm ci' again";
const READY_TIMEOUT_MS = 30_000;

/** The server writes its log to the standard output. */
export function planCore(options: StartOptions): EnsemblePlan {
  const settings = zooSettings("core", options.configuration);
  const withHttp = options.http === true;
  return {
    name: "core",
    version: packageVersion(),
    flags: { fsync: "yes", ...settings },
    portsPerServer: ZOO_PORTS_PER_SERVER + (withHttp ? 1 : 0),
    readyTimeoutMs: READY_TIMEOUT_MS,
    prepare: async (folder, ports) => {
      const httpPortOf = (own: readonly number[]): number => own[ZOO_PORTS_PER_SERVER]!;
      const ownLines = (own: readonly number[]): readonly string[] =>
        withHttp ? [`httpGateway.port=${httpPortOf(own)}`] : [];
      const members = await writeZooConfigs(folder, ports, settings, ownLines);
      return members.map((member, index) => ({
        clientPort: member.clientPort,
        ...(withHttp ? { httpPort: httpPortOf(ports[index]!) } : {}),
        command: {
          file: process.execPath,
          args: [CLI_PATH, "serve", member.configPath],
          folder: member.folder,
          logPath: join(member.folder, "server.log"),
        },
        probe: fourLetterProbe({ host: LOOPBACK, port: member.clientPort }),
      }));
    },
  };
}

async function start(options: StartOptions): Promise<Ensemble> {
  return await startEnsemble(planCore(options), options);
}

export const core: TargetKind = {
  name: "core",
  remedy: REMEDY,
  find: async () => [{ target: "core", version: packageVersion(), origin: "this package" }],
  start,
  attach: (addresses) => attach("core", addresses, fourLetterProbe),
};
