import type { TestContext } from "node:test";
import { targetKind } from "../../src/targets/kinds.js";
import type { Ensemble, StartOptions, TargetName } from "../../src/targets/target.js";
import { haveReal } from "./real.js";

/** Starts a fresh standalone server of a target for one test, which ends it; undefined where the target is missing. */
export async function startFor(
  context: TestContext,
  target: TargetName,
  options: Partial<StartOptions> = {},
): Promise<Ensemble | undefined> {
  const kind = targetKind(target);
  const found = await kind.find();
  if (!haveReal(context, found.length > 0, target, kind.remedy)) return undefined;
  const ensemble = await kind.start({ servers: 1, ...options });
  context.after(() => ensemble.stop());
  return ensemble;
}

export function clientPort(ensemble: Ensemble): number {
  return ensemble.members[0]!.client.port;
}
