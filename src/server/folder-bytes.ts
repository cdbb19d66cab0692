import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** The size of the files in a folder, not counting folders in it; 0 where it is not there. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  try {
    for (const name of readdirSync(folder)) bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return bytes;
}
