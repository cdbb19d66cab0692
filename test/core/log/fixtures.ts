import { fileURLToPath } from "node:url";

/** A file of test/core/log/fixtures, which the compiler does not copy: log and snapshot written by Apache ZooKeeper. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../../test/core/log/fixtures/${name}`, import.meta.url));
}
