import { AssertionError } from "../../base/assert.js";
import type { FlushableSession } from "../../targets/driver.js";

/** A target that answers at all does so in this time, many times over. It is spent once, at the end of a round. */
const PATIENCE_MS = 3_000;

/**
 * True where everything is told that the session was to be told of changes acknowledged before the call: what is not told
 * then is lost. False where nobody can say so: what is not told may be late. Never throws what the service fails with.
 */
export async function flushed(session: FlushableSession | undefined): Promise<boolean> {
  if (session?.flush === undefined) return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), PATIENCE_MS);
  });
  const told = session.flush().then(
    () => true,
    (error: unknown) => {
      if (error instanceof AssertionError) throw error;
      return false;
    },
  );
  try {
    return await Promise.race([told, late]);
  } finally {
    clearTimeout(timer);
  }
}
