import { USER_ERRORS, UserError } from "../base/user-error.js";
import { driverSource } from "../bench/drivers.js";
import type { Participant } from "../bench/participant.js";
import type { Variant } from "../bench/profile/profile.js";
import type { TargetReference } from "../targets/address.js";
import type { Ensemble, TargetName } from "../targets/target.js";
import { openEnsemble, type SharedEnsembles } from "./ensembles.js";

export interface ParticipantsOptions {
  /** Servers of a managed ensemble; each variant says it for itself. */
  readonly servers: number;
  /** Whether they are to serve HTTP. */
  readonly http?: boolean;
  /** Each takes part on every target, in the place of one that runs the profile itself. */
  readonly variants?: readonly Variant[];
  /** Where the ensembles come from that outlive this command's run; the default opens some of its own. */
  readonly shared?: SharedEnsembles;
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/** The ensembles of one run: started or attached one by one, and all stopped together. */
export class Participants {
  readonly all: Participant[] = [];
  private readonly options: ParticipantsOptions;
  private readonly own: Ensemble[] = [];

  constructor(options: ParticipantsOptions) {
    this.options = options;
  }

  /** Throws UserError where the target is missing, does not start or cannot be reached. */
  async add(reference: TargetReference): Promise<void> {
    const { servers, variants = [] } = this.options;
    const added: Participant[] = [];
    if (variants.length === 0) {
      const ensemble = await this.ensembleOf(reference, servers);
      added.push(this.participant(reference.target, this.label(reference.target, ensemble.managed), ensemble));
    } else {
      const sizes = new Set(variants.map((variant) => variant.profile.servers));
      if (reference.addresses !== undefined && sizes.size > 1) {
        throw new UserError(USER_ERRORS.attachedServers, { target: reference.target });
      }
      const base = this.label(reference.target, reference.addresses === undefined, `-${variants[0]?.label ?? ""}`);
      const bySize = new Map<number, Ensemble>();
      for (const variant of variants) {
        const size = variant.profile.servers;
        const ensemble = bySize.get(size) ?? (await this.ensembleOf(reference, size));
        bySize.set(size, ensemble);
        added.push({ ...this.participant(reference.target, `${base}-${variant.label}`, ensemble), variant });
      }
    }
    this.all.push(...added);
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.own.map((ensemble) => ensemble.stop()));
  }

  private participant(target: TargetName, label: string, ensemble: Ensemble): Participant {
    const addresses = ensemble.members.map((member) => member.client);
    return { label, ensemble, driver: driverSource(target, addresses) };
  }

  private async ensembleOf(reference: TargetReference, servers: number): Promise<Ensemble> {
    const { shared, http = false } = this.options;
    const need = { reference, servers, http };
    if (shared !== undefined) return await shared.take(need);
    const ensemble = await openEnsemble(need, this.options);
    this.own.push(ensemble);
    return ensemble;
  }

  /** `suffix` is what variants' labels have behind it. */
  private label(target: TargetName, managed: boolean, suffix = ""): string {
    const base = managed ? target : `${target}-attached`;
    const taken = (label: string): boolean => this.all.some((participant) => participant.label === label + suffix);
    let label = base;
    for (let number = 2; taken(label); number++) label = `${base}-${number}`;
    return label;
  }
}
