import { connect } from "node:net";
import type { Address, MemberRole } from "../target.js";

const ANSWER_TIMEOUT_MS = 1_500;
const ANSWER_BYTES_MAX = 1_048_576;

/** Sends "srvr", "mntr", ... and gives the whole answer; undefined where none comes in time. */
export function askFourLetterWord(address: Address, word: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = connect({ host: address.host, port: address.port });
    const finish = (answer: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), ANSWER_TIMEOUT_MS);
    socket.on("error", () => finish(undefined));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) finish(undefined);
    });
    // The server closes after the answer.
    socket.on("end", () => finish(bytes === 0 ? undefined : Buffer.concat(chunks).toString("latin1")));
    socket.write(word);
  });
}

const ROLES: Readonly<Record<string, MemberRole>> = {
  standalone: "standalone",
  leader: "leader",
  follower: "follower",
  observer: "observer",
};

/** From an answer to `srvr`; a server without a quorum answers, but is not serving. */
export function parseRole(srvr: string): MemberRole {
  const mode = /^Mode: (\S+)$/m.exec(srvr)?.[1] ?? "";
  return ROLES[mode] ?? "unreachable";
}

/** From an answer to `srvr`: "3.9.5" of "Zookeeper version: 3.9.5-e2cd7..., built on ...". */
export function parseVersion(srvr: string): string | undefined {
  return /^Zookeeper version: ([^\s,-]+)/im.exec(srvr)?.[1];
}

/** From an answer to `mntr`: how often the transaction log was synced; undefined where the server does not count it. */
export function parseSyncs(mntr: string): number | undefined {
  const match = /^zk_cnt_fsynctime\t(\d+)$/m.exec(mntr);
  return match === null ? undefined : Number(match[1]);
}
