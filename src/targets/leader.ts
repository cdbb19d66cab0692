import type { Member } from "./target.js";

/** The member that leads, or the only one; undefined while there is none. */
export async function findLeader(members: readonly Member[]): Promise<Member | undefined> {
  const roles = await Promise.all(members.map((member) => member.role()));
  return members.find((_, index) => roles[index] === "leader" || roles[index] === "standalone");
}
