import type { Action } from "../scenario/scenario.js";
import type { Fault } from "./fault.js";
import { heal } from "./heal.js";
import { kill } from "./kill.js";
import { latency } from "./latency.js";
import { pause } from "./pause.js";
import { restart } from "./restart.js";
import { resume } from "./resume.js";

export const FAULTS: Readonly<Record<Action, Fault>> = { kill, restart, pause, resume, latency, heal };

/** What ends the harm an action does; undefined for actions that do none themselves. */
export const UNDONE_BY: Readonly<Partial<Record<Action, Action>>> = {
  kill: "restart",
  pause: "resume",
  latency: "heal",
};
