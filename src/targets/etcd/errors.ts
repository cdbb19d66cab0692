/** The status codes of gRPC, which are what etcd names its errors by; the index is the code on the wire. */
export const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

export const STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
  /** Not gRPC's: the connection went before the call ended, so whether it took effect is unknown. */
  connectionLost: -1,
} as const;

/** Not gRPC's: a lock's lease expired or was revoked, so the lock may be another's by now. */
export const LEASE_LOST = "LEASELOST";
export const CONNECTION_LOSS = "CONNECTIONLOSS";

/** "" for success. */
export function statusName(status: number): string {
  if (status === STATUS.ok) return "";
  if (status === STATUS.connectionLost) return CONNECTION_LOSS;
  return STATUS_NAMES[status] ?? "UNKNOWN";
}

/** An operation on etcd failed. `code` is gRPC's name, CONNECTIONLOSS or LEASELOST. */
export class EtcdError extends Error {
  override readonly name = "EtcdError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
