import { failureName } from "../load/failure.js";

const SESSION_OVER = "SESSIONEXPIRED";

/** The service said that the session is over. */
export function saysSessionOver(error: unknown): boolean {
  return failureName(error) === SESSION_OVER;
}

/** For a session that the service has not refused, and that is another one all the same. */
export class SessionReplaced extends Error {
  override readonly name = "SessionReplaced";
  readonly code = SESSION_OVER;
}

/**
 * True where a session that was over `silentMs` after its client let go of its connection was ended before its time. A client
 * that has nothing to say is heard every third of its timeout, so its server may not have heard it for that long by then;
 * half of the timeout leaves room for clocks. Later than that the session may be over by rights: nobody can say.
 */
export function endedEarly(silentMs: number, timeoutMs: number): boolean {
  return silentMs < timeoutMs / 2;
}
