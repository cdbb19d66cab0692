import type { DriverSource } from "../../src/bench/load/driver-source.js";
import type { ZooKeeperClient } from "../../src/client/client.js";
import { ZooKeeperError } from "../../src/client/errors.js";
import { ERROR } from "../../src/jute/errors.js";
import type { Recipe, RecipeSessions, RosterSession, SessionOptions } from "../../src/targets/driver.js";
import type { Address } from "../../src/targets/target.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";
import { endSession } from "./end-session.js";

/**
 * What goes wrong in the session of connection 1, which is otherwise the real one. "event": one of its callbacks is not
 * called; of a list, those after it are not either, since every call brings all of it. "repeat": a callback is called
 * twice. "session": it is another one after it was resumed. "ephemeral": it is not there when it is looked for.
 * Two are no loss: "late": everything it is told or answered comes after `LATE_MS`. "silent": after a while it is told and answered
 * nothing any more. And two are of every connection: "refused": every second of its sessions cannot be opened; "expired": its session is over a
 * while after it has entered a name, again and again.
 */
export type Loss = "event" | "repeat" | "session" | "ephemeral" | "late" | "silent" | "refused" | "expired";

/** Longer than the session timeout of the runs it is for. */
const LATE_MS = 1_200;
/** Later than the lead-in of those runs, and before their end. */
const SILENT_AFTER_MS = 800;
/** Long enough for all to learn of it, and shorter than a life. */
const EXPIRED_AFTER_MS = 30;
/** What a session answers that is late or silent. */
const SLOW_ANSWERS = ["flush", "resume", "move"] as const;

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
  /** Of the first session that is meddled with; there may be many, one after the other. */
  private silentFromMs: number | undefined;
  /** By connection. */
  private readonly opened = new Map<number, number>();

  constructor(members: readonly Address[], loss: Loss | undefined) {
    super("core", members);
    this.loss = loss;
  }

  override async openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    const opened = (this.opened.get(options.index) ?? 0) + 1;
    this.opened.set(options.index, opened);
    if (this.loss === "refused" && opened % 2 === 0) throw new ZooKeeperError(ERROR.CONNECTIONLOSS, "connect", "");
    const session = await super.openSession(recipe, options);
    if (this.loss === "expired" && "observe" in session && "enter" in session) endAfterEntering(session, options);
    if (this.loss !== undefined && options.index === LOSSY_CONNECTION) {
      this.silentFromMs ??= performance.now() + SILENT_AFTER_MS;
      plant(session, this.loss, this.silentFromMs);
    }
    return session;
  }
}

function endAfterEntering(session: RosterSession, { members }: SessionOptions): void {
  const enter = session.enter.bind(session);
  const servers = members.map(({ host, port }) => `${host}:${port}`).join(",");
  session.enter = async (name) => {
    await enter(name);
    const client = Reflect.get(session, "client") as ZooKeeperClient;
    setTimeout(() => void endSession(client, servers).catch(() => undefined), EXPIRED_AFTER_MS);
  };
}

type Callback = (...values: never[]) => void;

/** Replaces methods of one session. */
function plant(session: object, loss: Loss, silentFromMs: number): void {
  let calls = 0;
  const wrap =
    (callback: Callback, whole: boolean): Callback =>
    (...values) => {
      calls++;
      const lost =
        (loss === "event" && (whole ? calls >= FIRST_LOST_LIST : calls === 1)) ||
        (loss === "silent" && performance.now() > silentFromMs);
      if (loss === "late") setTimeout(() => callback(...values), LATE_MS);
      else if (!lost) callback(...values);
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
  if (loss === "late" || loss === "silent") {
    for (const name of SLOW_ANSWERS) {
      const method = methods[name]?.bind(session);
      // To move is what comes before the events that are lost.
      if (method === undefined || (name === "move" && loss === "silent")) continue;
      replaced[name] = async (...values: unknown[]) => {
        if (loss === "silent" && performance.now() > silentFromMs) await new Promise(() => undefined);
        const answer = await method(...values);
        if (loss === "late") await new Promise((resolve) => setTimeout(resolve, LATE_MS));
        return answer;
      };
    }
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
