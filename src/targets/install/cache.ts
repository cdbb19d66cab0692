import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { ScratchFolder } from "../process/scratch-folder.js";
import type { InstallContext } from "./tool.js";

/**
 * Builds in a folder beside the final one and renames the result into place, so that a version in the cache is always a
 * whole one. `build` fills `result` with what is to stay and returns its version; `work` goes away.
 */
export async function installInCache(
  tool: string,
  context: InstallContext,
  build: (work: string, result: string) => Promise<string>,
): Promise<void> {
  const scratch = await ScratchFolder.create({ purpose: `install-${tool}`, parent: context.places.cache });
  try {
    const work = join(scratch.path, "work");
    const result = join(scratch.path, "result");
    await mkdir(work);
    await mkdir(result);
    const version = await build(work, result);
    await mkdir(join(context.places.cache, tool), { recursive: true });
    try {
      await rename(result, join(context.places.cache, tool, version));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // Another install of the same version was faster; its copy is as good.
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
  } finally {
    await scratch.remove();
  }
}
