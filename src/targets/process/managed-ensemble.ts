import { findLeader } from "../leader.js";
import type { Ensemble, StartOptions, TargetName } from "../target.js";
import { type ServersPlan, startServers } from "./managed-servers.js";
import type { ReservePorts } from "./ports.js";

export interface EnsemblePlan extends ServersPlan {
  readonly name: TargetName;
  readonly version: string;
  readonly flags: Readonly<Record<string, string>>;
}

/** See `startServers`. */
export async function startEnsemble(
  plan: EnsemblePlan,
  options: StartOptions,
  reservePorts?: ReservePorts,
): Promise<Ensemble> {
  const servers = await startServers(plan, options, reservePorts);
  return {
    target: plan.name,
    managed: true,
    version: plan.version,
    flags: plan.flags,
    members: servers.members,
    folder: servers.folder,
    leader: async () => await findLeader(servers.members),
    stop: () => servers.stop(),
  };
}
