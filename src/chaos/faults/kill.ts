import { type Fault, membersOf } from "./fault.js";

/** SIGKILL: the process is gone at once, its sockets are closed by the system, what it had not synced stays in the page cache. */
export const kill: Fault = async (context, step) => {
  const members = await membersOf(context, step);
  await Promise.all(members.map((member) => member.kill()));
  context.killed.push(...members);
  return members;
};
