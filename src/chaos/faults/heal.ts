import type { Fault } from "./fault.js";

/** Removes every toxic from every link. */
export const heal: Fault = async ({ links, ensemble }) => {
  await links?.removeToxics();
  return ensemble.members;
};
