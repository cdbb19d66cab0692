import { USER_ERRORS, UserError } from "../base/user-error.js";
import { driverSource } from "../bench/drivers.js";
import type { Participant } from "../bench/participant.js";
import type { TargetReference } from "../targets/address.js";
import { targetKind } from "../targets/kinds.js";
import type { Ensemble, TargetName } from "../targets/target.js";

export interface ParticipantsOptions {
  /** Servers of a managed ensemble. */
  readonly servers: number;
  /** Whether they are to serve HTTP. */
  readonly http?: boolean;
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/** The ensembles of one command: started or attached one by one, and all stopped together. */
export class Participants {
  readonly all: Participant[] = [];
  private readonly options: ParticipantsOptions;

  constructor(options: ParticipantsOptions) {
    this.options = options;
  }

  /** Throws UserError where the target is missing, does not start or cannot be reached. */
  async add(reference: TargetReference): Promise<void> {
    const kind = targetKind(reference.target);
    const { servers, http = false, keep, signal, tell } = this.options;
    let ensemble: Ensemble;
    if (reference.addresses === undefined) {
      tell(`${reference.target}: starting ${servers === 1 ? "a server" : `${servers} servers`}`);
      ensemble = await kind.start({ servers, http, keepFolder: keep, signal });
    } else {
      tell(`${reference.target}: attaching`);
      ensemble = await kind.attach(reference.addresses);
    }
    if (http && ensemble.members.some((member) => member.http === undefined)) {
      await ensemble.stop();
      throw new UserError(USER_ERRORS.targetWithoutHttp, { target: reference.target });
    }
    this.all.push({
      label: this.label(reference.target, ensemble.managed),
      ensemble,
      driver: driverSource(
        reference.target,
        ensemble.members.map((member) => member.client),
      ),
    });
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.all.map((participant) => participant.ensemble.stop()));
  }

  private label(target: TargetName, managed: boolean): string {
    const base = managed ? target : `${target}-attached`;
    const taken = (label: string): boolean => this.all.some((participant) => participant.label === label);
    let label = base;
    for (let number = 2; taken(label); number++) label = `${base}-${number}`;
    return label;
  }
}
