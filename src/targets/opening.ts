import { USER_ERRORS, UserError } from "../base/user-error.js";
import { formatAddress } from "./address.js";
import type { TargetDriver } from "./driver.js";
import type { Address } from "./target.js";

/** What is open on a target: a driver, or a session of one. */
interface Opened {
  open(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects a driver to its servers. Throws UserError `targetUnreachable` where that fails with an error of the class
 * `Failure`, the target's own.
 */
export async function openDriver<Driver extends TargetDriver & Opened>(
  driver: Driver,
  members: readonly Address[],
  Failure: abstract new (...args: never[]) => Error,
): Promise<Driver> {
  try {
    return await openOrClose(driver);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const addresses = members.map(formatAddress).join(",");
    throw new UserError(USER_ERRORS.targetUnreachable, { target: driver.target, addresses, reason: error.message });
  }
}

/** Opened, or closed again where it cannot be opened. */
export async function openOrClose<Openable extends Opened>(opening: Openable): Promise<Openable> {
  try {
    await opening.open();
    return opening;
  } catch (error) {
    await opening.close();
    throw error;
  }
}

/** The sessions of one driver, which are closed with it. */
export class OpenSessions {
  private readonly sessions = new Set<Opened>();

  async open<Session extends Opened>(session: Session): Promise<Session> {
    this.sessions.add(session);
    try {
      return await openOrClose(session);
    } catch (error) {
      this.sessions.delete(session);
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions].map((session) => session.close()));
    this.sessions.clear();
  }
}
