import type { Fault } from "./fault.js";

/** Starts every killed member again on its data and ports, and waits until it serves. */
export const restart: Fault = async ({ killed }) => {
  const members = killed.splice(0);
  await Promise.all(members.map((member) => member.restart()));
  return members;
};
