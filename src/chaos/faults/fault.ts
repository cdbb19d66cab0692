import type { Ensemble, Member } from "../../targets/target.js";
import type { ClientLinks } from "../links.js";
import type { TimelineStep } from "../scenario/scenario.js";

/** What a fault may act upon, and what is still to be undone. */
export interface FaultContext {
  readonly ensemble: Ensemble;
  /** Undefined where clients connect directly. */
  readonly links: ClientLinks | undefined;
  /** Members without a process, oldest first; a restart brings them back. */
  readonly killed: Member[];
  /** Members that are stopped; a resume lets them go on. */
  readonly paused: Member[];
}

/** Does one step, and returns the members it was done to. */
export type Fault = (context: FaultContext, step: TimelineStep) => Promise<readonly Member[]>;

/** Whom a step means: a number, all, or who leads just now. Throws where nobody does. */
export async function membersOf({ ensemble }: FaultContext, { member }: TimelineStep): Promise<readonly Member[]> {
  if (member === "all") return ensemble.members;
  const found =
    member === "leader" ? await ensemble.leader() : ensemble.members.find((candidate) => candidate.id === member);
  if (found === undefined) throw new Error(member === "leader" ? "there is no leader" : `there is no member ${member}`);
  return [found];
}
