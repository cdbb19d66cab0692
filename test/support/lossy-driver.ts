import type { DriverSource } from "../../src/bench/load/driver-source.js";
import type { Recipe, RecipeSessions, SessionOptions } from "../../src/targets/driver.js";
import type { Address } from "../../src/targets/target.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";

/**
 * What goes wrong in the session of connection 1, which is otherwise the real one. "event": one of its callbacks is not
 * called; of a list, those after it are not either, since every call brings all of it. "repeat": a callback is called
 * twice. "session": it is another one after it was resumed. "ephemeral": it is not there when it is looked for.
 */
export type Loss = "event" | "repeat" | "session" | "ephemeral";

/** The first of a list brings what is there at first. */
const FIRST_LOST_LIST = 2;
const LOSSY_CONNECTION = 1;

export function lossySource(members: readonly Address[], loss: Loss | undefined): DriverSource {
  return { module: import.meta.url, factory: "openLossyDriver", parameters: [members, loss] };
}

export function openLossyDriver(members: readonly Address[], loss: Loss | undefined): LossyDriver {
  return new LossyDriver(members, loss);
}

class LossyDriver extends ZooKeeperDriver {
  private readonly loss: Loss | undefined;

  constructor(members: readonly Address[], loss: Loss | undefined) {
    super("core", members);
    this.loss = loss;
  }

  override async openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    const session = await super.openSession(recipe, options);
    if (this.loss !== undefined && options.index === LOSSY_CONNECTION) plant(session, this.loss);
    return session;
  }
}

type Callback = (...values: never[]) => void;

/** Replaces methods of one session. */
function plant(session: object, loss: Loss): void {
  let calls = 0;
  const wrap =
    (callback: Callback, whole: boolean): Callback =>
    (...values) => {
      calls++;
      const lost = loss === "event" && (whole ? calls >= FIRST_LOST_LIST : calls === 1);
      if (!lost) callback(...values);
      if (loss === "repeat" && calls === 1) callback(...values);
    };
  const replaced: Record<string, unknown> = {};
  const methods = session as Record<string, ((...values: unknown[]) => unknown) | undefined>;
  for (const [name, whole] of [
    ["watch", false],
    ["subscribe", false],
    ["observe", true],
  ] as const) {
    const method = methods[name]?.bind(session);
    if (method === undefined) continue;
    // The callback is the last argument of each.
    replaced[name] = (...values: unknown[]) => method(...values.slice(0, -1), wrap(values.at(-1) as Callback, whole));
  }
  if (loss === "session") {
    const resume = methods["resume"]?.bind(session);
    if (resume !== undefined) replaced["resume"] = async () => !(await resume());
    const move = methods["move"]?.bind(session);
    if (move !== undefined) {
      replaced["move"] = async (...values: unknown[]) => ({
        ...((await move(...values)) as object),
        sameSession: false,
      });
    }
  }
  if (loss === "ephemeral" && methods["holds"] !== undefined) replaced["holds"] = () => Promise.resolve(false);
  Object.assign(session, replaced);
}
