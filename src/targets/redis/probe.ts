import type { AttachedProbe } from "../attached-ensemble.js";
import type { MemberProbe } from "../process/managed-member.js";
import type { Address, MemberRole } from "../target.js";
import { RedisConnection } from "./connection.js";
import { refusalOf } from "./errors.js";

const ANSWER_TIMEOUT_MS = 1_500;

/** Lines "name:value" of an answer to INFO. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** A server that loads its data, and a replica without its primary's, do not serve. */
export function roleOf(info: ReadonlyMap<string, string>, servers: number | undefined): MemberRole {
  if (info.get("loading") !== "0") return "unreachable";
  if (info.get("role") === "slave") return info.get("master_link_status") === "up" ? "follower" : "unreachable";
  if (info.get("role") !== "master") return "unreachable";
  return (servers ?? Number(info.get("connected_slaves")) + 1) === 1 ? "standalone" : "leader";
}

/** Throws UserError `targetRefuses`. Empty where there is no answer. */
async function ask(address: Address): Promise<ReadonlyMap<string, string>> {
  let connection: RedisConnection | undefined;
  try {
    connection = await RedisConnection.open({ address, answerTimeoutMs: ANSWER_TIMEOUT_MS });
    return parseInfo(String(await connection.call("INFO")));
  } catch (error) {
    const refusal = refusalOf(error, address);
    if (refusal !== undefined) throw refusal;
    return new Map();
  } finally {
    connection?.end("asked");
  }
}

/** `servers` is how many there are where that is known. Redis does not count its syncs. */
export function redisProbe(address: Address, servers?: number): MemberProbe & AttachedProbe {
  return {
    role: async () => roleOf(await ask(address).catch(() => new Map()), servers),
    syncs: async () => undefined,
    version: async () => (await ask(address)).get("redis_version"),
  };
}
