import { openDriver } from "../../src/bench/drivers.js";
import type { DriverSource } from "../../src/bench/load/driver-source.js";
import type { LockSession, Recipe, RecipeSessions, SessionOptions, TargetDriver } from "../../src/targets/driver.js";
import type { Address, TargetName } from "../../src/targets/target.js";

/** The load's: the first one is paused. */
export const WORKERS = 2;

/** The real driver, but the whole thread of one holder stops once while it holds the lock, as for a long collection. */
export function pausingSource(target: TargetName, members: readonly Address[], pauseMs: number): DriverSource {
  return { module: import.meta.url, factory: "createPausingDriver", parameters: [target, members, pauseMs] };
}

export async function createPausingDriver(
  target: TargetName,
  members: readonly Address[],
  pauseMs: number,
): Promise<TargetDriver> {
  const driver = await openDriver(target, members);
  const openSession = driver.openSession.bind(driver);
  let paused = false;
  const pauseOnce = (): void => {
    if (paused) return;
    paused = true;
    // In a later turn: by then the contender has noted that it holds the lock.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs));
  };
  driver.openSession = async <R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> => {
    const session = await openSession(recipe, options);
    if (options.index % WORKERS === 0) callWhenGranted(session as LockSession, pauseOnce);
    return session;
  };
  return driver;
}

function callWhenGranted(session: LockSession, granted: () => void): void {
  const acquire = session.acquire.bind(session);
  session.acquire = async (lock) => {
    const grant = await acquire(lock);
    granted();
    return grant;
  };
}
