import type { Fault } from "./fault.js";

/** SIGCONT for every member that was paused. */
export const resume: Fault = async ({ paused }) => {
  const members = paused.splice(0);
  await Promise.all(members.map((member) => member.resume()));
  return members;
};
