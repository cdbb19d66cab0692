import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { LOOPBACK } from "../process/ports.js";
import type { TargetName } from "../target.js";

/** Client, quorum and election. */
export const ZOO_PORTS_PER_SERVER = 3;

const DEFAULTS: Readonly<Record<string, string>> = {
  tickTime: "2000",
  initLimit: "10",
  syncLimit: "5",
  maxClientCnxns: "0",
  "4lw.commands.whitelist": "*",
  "admin.enableServer": "false",
};

const OWNED =
  /^(httpGateway\.(port|address)|dataDir|dataLogDir|clientPort|clientPortAddress|secureClientPort.*|dynamicConfigFile|server\..*)$/;
const DURABILITY = /^(zookeeper\.)?(forceSync|leader\.forceSync)$/;

/** The defaults with the user's keys over them. Throws UserError `ownedConfiguration`. */
export function zooSettings(
  target: TargetName,
  configuration: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  for (const key of Object.keys(configuration)) {
    const reason = DURABILITY.test(key)
      ? "every target syncs before it acknowledges, or a comparison says nothing"
      : "ports and folders are chosen so that servers do not disturb each other; leave it out";
    if (OWNED.test(key) || DURABILITY.test(key)) {
      throw new UserError(USER_ERRORS.ownedConfiguration, { key, target, reason });
    }
  }
  return { ...DEFAULTS, ...configuration };
}

export interface ZooMember {
  readonly clientPort: number;
  readonly folder: string;
  readonly configPath: string;
}

/** Writes `member-<id>/zoo.cfg`, and its `data/myid` in an ensemble, for every member. `ownLines` are a member's own. */
export async function writeZooConfigs(
  folder: string,
  ports: readonly (readonly number[])[],
  settings: Readonly<Record<string, string>>,
  ownLines: (ports: readonly number[]) => readonly string[] = () => [],
): Promise<ZooMember[]> {
  const servers = ports.map((own, index) => `server.${index + 1}=${LOOPBACK}:${own[1]}:${own[2]}`);
  return await Promise.all(
    ports.map(async (own, index) => {
      const member = join(folder, `member-${index + 1}`);
      const dataDir = join(member, "data");
      await mkdir(dataDir, { recursive: true });
      const clientPort = own[0]!;
      const lines = [
        ...Object.entries(settings).map(([key, value]) => `${key}=${value}`),
        `dataDir=${dataDir}`,
        `clientPort=${clientPort}`,
        `clientPortAddress=${LOOPBACK}`,
        ...ownLines(own),
      ];
      if (ports.length > 1) {
        lines.push(...servers);
        await writeFile(join(dataDir, "myid"), `${index + 1}\n`);
      }
      const configPath = join(member, "zoo.cfg");
      await writeFile(configPath, `${lines.join("\n")}\n`);
      return { clientPort, folder: member, configPath };
    }),
  );
}
