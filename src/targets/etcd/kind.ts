import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { attach } from "../attached-ensemble.js";
import { placesHere } from "../places.js";
import { type EnsemblePlan, startEnsemble } from "../process/managed-ensemble.js";
import { LOOPBACK } from "../process/ports.js";
import type { Ensemble, StartOptions, TargetKind } from "../target.js";
import { type EtcdInstallation, findEtcd } from "./find.js";
import { etcdProbe } from "./probe.js";

const REMEDY = "run 'zabench targets install etcd'";
const READY_TIMEOUT_MS = 60_000;

/** Client and peer. */
const PORTS_PER_SERVER = 2;

const DEFAULTS: Readonly<Record<string, string>> = {
  // The largest that etcd recommends: the default 2 GiB would end a long write run with an alarm.
  "quota-backend-bytes": String(8 * 2 ** 30),
  "heartbeat-interval": "100",
  "election-timeout": "1000",
};

const OWNED =
  /^(name|data-dir|wal-dir|listen-.*|advertise-.*|initial-.*|discovery.*|config-file|logger|log-.*|force-new-cluster)$/;

function etcdSettings(configuration: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  for (const key of Object.keys(configuration)) {
    const unsafe = key.startsWith("unsafe-");
    const reason = unsafe
      ? "every target syncs before it acknowledges, or a comparison says nothing"
      : "ports and folders are chosen so that servers do not disturb each other; leave it out";
    if (unsafe || OWNED.test(key)) {
      throw new UserError(USER_ERRORS.ownedConfiguration, { key, target: "etcd", reason });
    }
  }
  return { ...DEFAULTS, ...configuration };
}

/** etcd takes every option from the environment too, where one of the user's own servers may have left some. */
function withoutEtcdVariables(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith("ETCD_"));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

export function planEtcd(installation: EtcdInstallation, options: StartOptions): EnsemblePlan {
  const settings = etcdSettings(options.configuration);
  return {
    name: "etcd",
    version: installation.version,
    flags: { fsync: "yes", ...settings },
    portsPerServer: PORTS_PER_SERVER,
    readyTimeoutMs: READY_TIMEOUT_MS,
    prepare: async (folder, ports) => {
      const peers = ports.map((own, index) => `member-${index + 1}=http://${LOOPBACK}:${own[1]}`);
      return await Promise.all(
        ports.map(async (own, index) => {
          const name = `member-${index + 1}`;
          const memberFolder = join(folder, name);
          await mkdir(memberFolder);
          const clientPort = own[0]!;
          const clientUrl = `http://${LOOPBACK}:${clientPort}`;
          const peerUrl = `http://${LOOPBACK}:${own[1]}`;
          return {
            clientPort,
            httpPort: clientPort,
            command: {
              file: installation.file,
              args: [
                `--name=${name}`,
                `--data-dir=${join(memberFolder, "data")}`,
                `--listen-client-urls=${clientUrl}`,
                `--advertise-client-urls=${clientUrl}`,
                `--listen-peer-urls=${peerUrl}`,
                `--initial-advertise-peer-urls=${peerUrl}`,
                `--initial-cluster=${peers.join(",")}`,
                `--initial-cluster-token=${basename(folder)}`,
                "--initial-cluster-state=new",
                "--logger=zap",
                "--log-level=warn",
                "--log-outputs=stderr",
                ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`),
              ],
              folder: memberFolder,
              environment: withoutEtcdVariables(),
              logPath: join(memberFolder, "server.log"),
            },
            probe: etcdProbe({ host: LOOPBACK, port: clientPort }, ports.length),
          };
        }),
      );
    },
  };
}

async function start(options: StartOptions): Promise<Ensemble> {
  const [preferred] = await findEtcd(placesHere());
  if (preferred === undefined) throw new UserError(USER_ERRORS.targetMissing, { target: "etcd", remedy: REMEDY });
  return await startEnsemble(planEtcd(preferred, options), options);
}

export const etcd: TargetKind = {
  name: "etcd",
  remedy: REMEDY,
  find: async () => await findEtcd(placesHere()),
  start,
  attach: (addresses) =>
    attach(
      "etcd",
      addresses,
      (address) => etcdProbe(address),
      (address) => address,
    ),
};
