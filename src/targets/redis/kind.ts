import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { attach } from "../attached-ensemble.js";
import { placesHere } from "../places.js";
import { type EnsemblePlan, startEnsemble } from "../process/managed-ensemble.js";
import { LOOPBACK } from "../process/ports.js";
import type { Ensemble, StartOptions, TargetKind } from "../target.js";
import { findRedis, type RedisInstallation } from "./find.js";
import { redisProbe } from "./probe.js";

const REMEDY = "run 'zabench targets install redis' as root on Debian, or install redis-server";
const READY_TIMEOUT_MS = 60_000;

/** Every write is on disk before it is answered, as on the other targets. */
const DURABILITY: Readonly<Record<string, string>> = {
  appendonly: "yes",
  appendfsync: "always",
  "no-appendfsync-on-rewrite": "no",
};

const DEFAULTS: Readonly<Record<string, string>> = {
  // Snapshots beside the log would be written twice.
  save: "",
  "repl-diskless-sync-delay": "0",
};

const OWNED =
  /^(port|bind|dir|unixsocket|daemonize|pidfile|logfile|include|replicaof|slaveof|cluster-.*|tls-.*|requirepass|masterauth|protected-mode)$/;

function redisSettings(configuration: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  for (const key of Object.keys(configuration)) {
    const durability = key in DURABILITY;
    const reason = durability
      ? "every target syncs before it acknowledges, or a comparison says nothing"
      : "ports and folders are chosen so that servers do not disturb each other; leave it out";
    if (durability || OWNED.test(key)) {
      throw new UserError(USER_ERRORS.ownedConfiguration, { key, target: "redis", reason });
    }
  }
  return { ...DURABILITY, ...DEFAULTS, ...configuration };
}

/** One server; of several the first is the primary and the others copy it, asynchronously as Redis does. */
export function planRedis(installation: RedisInstallation, options: StartOptions): EnsemblePlan {
  const settings = redisSettings(options.configuration);
  return {
    name: "redis",
    version: installation.version,
    flags: { fsync: "yes", ...settings, ...(options.servers > 1 ? { replication: "asynchronous" } : {}) },
    portsPerServer: 1,
    readyTimeoutMs: READY_TIMEOUT_MS,
    prepare: async (folder, ports) => {
      const primaryPort = ports[0]![0]!;
      return await Promise.all(
        ports.map(async ([port], index) => {
          const memberFolder = join(folder, `member-${index + 1}`);
          const data = join(memberFolder, "data");
          await mkdir(data, { recursive: true });
          const clientPort = port!;
          const own = { port: String(clientPort), bind: LOOPBACK, dir: data, daemonize: "no", "protected-mode": "yes" };
          const words = Object.entries({ ...settings, ...own }).flatMap(([key, value]) => [`--${key}`, value]);
          if (index > 0) words.push("--replicaof", LOOPBACK, String(primaryPort));
          return {
            clientPort,
            command: {
              file: installation.file,
              args: words,
              folder: memberFolder,
              logPath: join(memberFolder, "server.log"),
            },
            probe: redisProbe({ host: LOOPBACK, port: clientPort }, ports.length),
          };
        }),
      );
    },
  };
}

async function start(options: StartOptions): Promise<Ensemble> {
  const [preferred] = await findRedis(placesHere());
  if (preferred === undefined) throw new UserError(USER_ERRORS.targetMissing, { target: "redis", remedy: REMEDY });
  return await startEnsemble(planRedis(preferred, options), options);
}

export const redis: TargetKind = {
  name: "redis",
  remedy: REMEDY,
  find: async () => await findRedis(placesHere()),
  start,
  attach: (addresses) => attach("redis", addresses, (address) => redisProbe(address)),
};
