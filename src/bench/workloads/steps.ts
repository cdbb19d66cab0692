import { AssertionError } from "../../base/assert.js";
import type { ActorTurns } from "./actor.js";

/** The service failed a step, which has been recorded: the actor gives up what it was about, and begins anew. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
}

/** Records `act` as one operation. Throws StepFailed where it throws; a bug of this program is thrown as it is. */
export async function timed<T>(turns: ActorTurns, operation: string, act: () => Promise<T>): Promise<T> {
  const attempt = turns.begin(operation);
  try {
    const outcome = await act();
    turns.succeeded(attempt);
    return outcome;
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    turns.failed(attempt, error);
    throw new StepFailed(`${operation} failed`, { cause: error });
  }
}

/** The same for a step that is reported only where it fails. */
export async function stepOf<T>(turns: ActorTurns, operation: string, act: () => Promise<T>): Promise<T> {
  const attempt = turns.begin(operation);
  try {
    return await act();
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    turns.failed(attempt, error);
    throw new StepFailed(`${operation} failed`, { cause: error });
  } finally {
    turns.dropped(attempt);
  }
}
