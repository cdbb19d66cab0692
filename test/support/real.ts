import type { TestContext } from "node:test";

/**
 * For a test that needs something this machine may lack: skips it visibly, and fails it where CI=true, since there
 * `.ci/run` has installed everything. Returns true where the test can go on.
 */
export function haveReal(context: TestContext, found: boolean, what: string, remedy: string): boolean {
  if (found) return true;
  if (process.env["CI"] === "true") throw new Error(`${what} is missing, and CI must have it: ${remedy}`);
  context.skip(`${what} not found: ${remedy}`);
  return false;
}
