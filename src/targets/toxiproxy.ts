import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../base/user-error.js";
import { askHttp } from "./http.js";
import { cachedVersions, findOnPath, type Places, placesHere } from "./places.js";
import { type ServersPlan, startServers } from "./process/managed-servers.js";
import { LOOPBACK } from "./process/ports.js";
import type { Address, StartOptions } from "./target.js";

export const TOXIPROXY_REMEDY = "run 'zabench targets install toxiproxy'";

const PROGRAM = "toxiproxy-server";
const READY_TIMEOUT_MS = 20_000;

export interface ToxiproxyInstallation {
  readonly file: string;
  /** Undefined where the program does not tell: only a release's own build does. */
  readonly version: string | undefined;
  readonly origin: string;
}

/** The preferred copy first. */
export function findToxiproxy(places: Places = placesHere()): ToxiproxyInstallation[] {
  const cached = cachedVersions("toxiproxy", places)
    .map(({ version, folder }) => ({ version, file: join(folder, PROGRAM), origin: "Go module, in the zabench cache" }))
    .filter(({ file }) => existsSync(file));
  const onPath = findOnPath(PROGRAM, places);
  return onPath === undefined ? cached : [...cached, { version: undefined, file: onPath, origin: `PATH, ${onPath}` }];
}

/** A running Toxiproxy; its HTTP interface is at `url`. */
export interface ToxiproxyServer {
  readonly address: Address;
  readonly url: string;
  /** Undefined once it has ended. */
  readonly pid: number | undefined;
  /** Ends the process, and all its proxies with it. Idempotent. */
  stop(): Promise<void>;
}

function planToxiproxy(installation: ToxiproxyInstallation): ServersPlan {
  return {
    name: "toxiproxy",
    portsPerServer: 1,
    readyTimeoutMs: READY_TIMEOUT_MS,
    prepare: async (folder, ports) =>
      await Promise.all(
        ports.map(async (own, index) => {
          const memberFolder = join(folder, `server-${index + 1}`);
          await mkdir(memberFolder);
          const clientPort = own[0]!;
          return {
            clientPort,
            command: {
              file: installation.file,
              args: ["-host", LOOPBACK, "-port", String(clientPort)],
              folder: memberFolder,
              logPath: join(memberFolder, "server.log"),
            },
            probe: {
              role: async () =>
                (await askHttp({ host: LOOPBACK, port: clientPort }, "/version")) === undefined
                  ? "unreachable"
                  : "standalone",
              syncs: async () => undefined,
            },
          };
        }),
      ),
  };
}

/** It ends with this process, as the servers of an ensemble do. Throws UserError `targetMissing` and those of a start. */
export async function startToxiproxy(options: Omit<StartOptions, "servers"> = {}): Promise<ToxiproxyServer> {
  const [preferred] = findToxiproxy();
  if (preferred === undefined) {
    throw new UserError(USER_ERRORS.targetMissing, { target: PROGRAM, remedy: TOXIPROXY_REMEDY });
  }
  const servers = await startServers(planToxiproxy(preferred), { ...options, servers: 1 });
  const member = servers.members[0]!;
  return {
    address: member.client,
    url: `http://${member.client.host}:${member.client.port}`,
    get pid() {
      return member.pid;
    },
    stop: () => servers.stop(),
  };
}
