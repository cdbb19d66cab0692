import type { ChildProcess } from "node:child_process";
import { Socket } from "node:net";
import { assert } from "../../base/assert.js";

/**
 * Every child holds the reading end of a stream whose only writing end is in this process. However this process ends,
 * `kill -9` included, the kernel closes that end, and the child's shell reads the end of the file and cleans up.
 */
export function holdLifeline(child: ChildProcess, descriptor: number): { release(): void } {
  const stream = child.stdio[descriptor];
  assert(stream instanceof Socket, "the lifeline of a child is a stream");
  // It must neither keep this process alive nor end it when the child closes its end first.
  stream.on("error", () => undefined);
  stream.unref();
  return { release: () => stream.destroy() };
}
