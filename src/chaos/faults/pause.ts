import { type Fault, membersOf } from "./fault.js";

/** SIGSTOP: the process answers nothing, but its sockets stay open, so only silence tells. */
export const pause: Fault = async (context, step) => {
  const members = await membersOf(context, step);
  await Promise.all(members.map((member) => member.pause()));
  context.paused.push(...members);
  return members;
};
