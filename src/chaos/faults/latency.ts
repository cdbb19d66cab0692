import { assert } from "../../base/assert.js";
import { type Fault, membersOf } from "./fault.js";

/** Delays what goes between clients and members, each way, uniformly in latency ± jitter. */
export const latency: Fault = async (context, step) => {
  assert(context.links !== undefined, "a scenario with latency has links");
  const members = await membersOf(context, step);
  for (const member of members) await context.links.addLatency(member.id, step.latencyMs, step.jitterMs);
  return members;
};
