import type { AttachedProbe } from "../attached-ensemble.js";
import type { MemberProbe } from "../process/managed-member.js";
import type { Address } from "../target.js";
import { askFourLetterWord, parseRole, parseSyncs, parseVersion } from "./four-letter-words.js";

/** Asks a server by four-letter words; Apache ZooKeeper's and the core's answers are the same. */
export function fourLetterProbe(address: Address): MemberProbe & AttachedProbe {
  return {
    role: async () => parseRole((await askFourLetterWord(address, "srvr")) ?? ""),
    syncs: async () => parseSyncs((await askFourLetterWord(address, "mntr")) ?? ""),
    version: async () => parseVersion((await askFourLetterWord(address, "srvr")) ?? ""),
  };
}
