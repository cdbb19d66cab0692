import { ERROR } from "../../jute/errors.js";
import { ZooKeeperError } from "../errors.js";

/** Throws BADARGUMENTS, as the service would for a request that cannot be meant. */
export function requireArgument(valid: boolean, operation: string, path: string, detail: string): void {
  if (!valid) throw new ZooKeeperError(ERROR.BADARGUMENTS, operation, path, { detail });
}
