import { USER_ERRORS, UserError } from "../base/user-error.js";
import type { TargetReference } from "../targets/address.js";
import { targetKind } from "../targets/kinds.js";
import type { Ensemble } from "../targets/target.js";

export interface EnsembleOptions {
  readonly keep: boolean;
  readonly signal: AbortSignal;
  readonly tell: (text: string) => void;
}

/** What an ensemble has to be; `servers` and `http` are of one that is started here. */
export interface EnsembleNeed {
  readonly reference: TargetReference;
  readonly servers: number;
  /** Whether it is to serve HTTP. */
  readonly http: boolean;
}

/** Throws UserError where the target is missing, does not start, cannot be reached or does not serve HTTP. */
export async function openEnsemble(need: EnsembleNeed, { keep, signal, tell }: EnsembleOptions): Promise<Ensemble> {
  const { servers, http } = need;
  const { target, addresses } = need.reference;
  const kind = targetKind(target);
  let ensemble: Ensemble;
  if (addresses === undefined) {
    tell(`${target}: starting ${servers === 1 ? "a server" : `${servers} servers`}`);
    ensemble = await kind.start({ servers, http, keepFolder: keep, signal });
  } else {
    tell(`${target}: attaching`);
    ensemble = await kind.attach(addresses);
  }
  if (http && ensemble.members.some((member) => member.http === undefined)) {
    await ensemble.stop();
    throw new UserError(USER_ERRORS.targetWithoutHttp, { target });
  }
  return ensemble;
}

/** Needs of the same key are met by the same ensemble. */
export function ensembleKey({ reference, servers, http }: EnsembleNeed): string {
  const { target, addresses } = reference;
  const place = addresses?.map(({ host, port }) => `${host}:${port}`).join(",") ?? servers;
  return `${target} ${place}${http ? " http" : ""}`;
}

/** Ensembles that serve one run after another: one of each target and size. */
export class SharedEnsembles {
  private readonly options: EnsembleOptions;
  private readonly running = new Map<string, Ensemble>();

  constructor(options: EnsembleOptions) {
    this.options = options;
  }

  /** Throws UserError, as `openEnsemble` does. */
  async take(need: EnsembleNeed): Promise<Ensemble> {
    const key = ensembleKey(need);
    const ensemble = this.running.get(key) ?? (await openEnsemble(need, this.options));
    this.running.set(key, ensemble);
    return ensemble;
  }

  /** Stops those that no later run needs; `needed` are their keys. */
  async keepOnly(needed: ReadonlySet<string>): Promise<void> {
    const idle = [...this.running].filter(([key]) => !needed.has(key));
    for (const [key] of idle) this.running.delete(key);
    await Promise.allSettled(idle.map(([, ensemble]) => ensemble.stop()));
  }
}
