/** The target's own name of what went wrong, else the error's. */
export function failureName(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const named = error as { errorName?: unknown; code?: unknown };
  if (typeof named.errorName === "string") return named.errorName;
  return typeof named.code === "string" ? named.code : error.name;
}
