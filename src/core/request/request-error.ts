import { assert } from "../../base/assert.js";
import { ERROR, type ErrorCode } from "../../jute/errors.js";

/**
 * What a client did wrong, thrown inside the request pipeline and turned into the `err` of the reply. There is one
 * instance for each code, without a stack, since contended workloads fail all the time and must not pay for it.
 */
export class RequestError {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    this.code = code;
  }
}

const instances = new Map<number, RequestError>(Object.values(ERROR).map((code) => [code, new RequestError(code)]));

export function refuse(code: ErrorCode): never {
  const instance = instances.get(code);
  assert(instance !== undefined, `no such error code: ${code}`);
  throw instance;
}
