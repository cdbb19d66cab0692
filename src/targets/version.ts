/** Negative where `a` is older. Compares the numbers of "3.9.10"; what follows a hyphen does not count. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string): number[] => (version.split("-")[0] ?? "").split(".").map(Number);
  const left = numbers(a);
  const right = numbers(b);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** "3.9.5", "v3.9.5": a release, not an alpha, beta or candidate. */
export function isStableVersion(version: string): boolean {
  return /^v?\d+(\.\d+)+$/.test(version);
}
