import { z } from "zod";
import type { AttachedProbe } from "../attached-ensemble.js";
import { askHttp } from "../http.js";
import type { MemberProbe } from "../process/managed-member.js";
import type { Address, MemberRole } from "../target.js";

/** Of `POST /v3/maintenance/status`; the gateway writes 64-bit numbers as strings and leaves out what is zero or false. */
const STATUS = z.object({
  header: z.object({ member_id: z.string() }),
  version: z.string(),
  leader: z.string().optional(),
  isLearner: z.boolean().optional(),
});

const MEMBER_LIST = z.object({ members: z.array(z.unknown()) });

type Status = z.infer<typeof STATUS>;

/** A member that knows no leader does not serve: writes and linearizable reads wait. */
export function roleOf(status: Status | undefined, servers: number | undefined): MemberRole {
  if (status?.leader === undefined || status.leader === "0") return "unreachable";
  if (status.isLearner === true) return "observer";
  if (status.leader !== status.header.member_id) return "follower";
  return servers === 1 ? "standalone" : "leader";
}

function parseJson<T>(schema: z.ZodType<T>, body: string | undefined): T | undefined {
  try {
    return schema.safeParse(JSON.parse(body ?? "")).data;
  } catch {
    return undefined;
  }
}

/** A commit of the backend syncs twice: the pages, then the page that makes them current. */
const SYNCS_PER_COMMIT = 2;

function parseCount(metrics: string, name: string): number | undefined {
  const match = new RegExp(`^${name} (\\S+)$`, "m").exec(metrics);
  return match === null ? undefined : Number(match[1]);
}

/** From `/metrics`: syncs of the write-ahead log and of the backend. */
export function parseSyncs(metrics: string): number | undefined {
  const log = parseCount(metrics, "etcd_disk_wal_fsync_duration_seconds_count");
  const commits = parseCount(metrics, "etcd_disk_backend_commit_duration_seconds_count");
  return log === undefined || commits === undefined ? undefined : log + commits * SYNCS_PER_COMMIT;
}

/** `servers` is the size of the ensemble where it is known: etcd itself calls a single member the leader. */
export function etcdProbe(address: Address, servers?: number): MemberProbe & AttachedProbe {
  const status = async (): Promise<Status | undefined> =>
    parseJson(STATUS, await askHttp(address, "/v3/maintenance/status", "{}"));
  const countMembers = async (): Promise<number | undefined> =>
    parseJson(MEMBER_LIST, await askHttp(address, "/v3/cluster/member/list", "{}"))?.members.length;
  return {
    role: async () => roleOf(await status(), servers ?? (await countMembers())),
    syncs: async () => parseSyncs((await askHttp(address, "/metrics")) ?? ""),
    version: async () => (await status())?.version,
  };
}
