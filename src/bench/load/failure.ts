/** The target's own name of what went wrong, else that of its cause, else the error's. */
export function failureName(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const named = error as { errorName?: unknown; code?: unknown };
  if (typeof named.errorName === "string") return named.errorName;
  if (typeof named.code === "string") return named.code;
  return error.cause instanceof Error ? failureName(error.cause) : error.name;
}
