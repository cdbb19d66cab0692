import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { askHttp } from "../../../src/targets/http.js";
import type { ServersPlan } from "../../../src/targets/process/managed-servers.js";

/** Answers every request; holds its second port too. Its log says what it listens on. */
const SERVE = `
const { createServer } = require("node:http");
for (const port of process.argv.slice(1)) {
  createServer((_, answer) => answer.end("ok")).listen(Number(port), "127.0.0.1");
}
console.log("serving", process.argv.slice(1).join(" "));
`;

export interface FakeBehaviour {
  readonly script?: string;
  readonly readyTimeoutMs?: number;
}

/** An ensemble of small HTTP servers, the first of which leads. */
export function fakePlan(behaviour: FakeBehaviour = {}): ServersPlan {
  return {
    name: "fake",
    portsPerServer: 2,
    readyTimeoutMs: behaviour.readyTimeoutMs ?? 20_000,
    prepare: async (folder, ports) =>
      await Promise.all(
        ports.map(async (own, index) => {
          const memberFolder = join(folder, `member-${index + 1}`);
          await mkdir(memberFolder);
          const clientPort = own[0]!;
          return {
            clientPort,
            command: {
              file: process.execPath,
              args: ["-e", behaviour.script ?? SERVE, ...own.map(String)],
              folder: memberFolder,
              logPath: join(memberFolder, "server.log"),
            },
            probe: {
              role: async () => {
                const answer = await askHttp({ host: "127.0.0.1", port: clientPort }, "/");
                return answer === undefined ? "unreachable" : index === 0 ? "leader" : "follower";
              },
              syncs: async () => 7,
            },
          };
        }),
      ),
  };
}
