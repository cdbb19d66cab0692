import { existsSync } from "node:fs";
import { findOnPath, type Places } from "../places.js";
import { ScratchFolder } from "../process/scratch-folder.js";
import { aptInstall } from "./apt.js";
import { runCommand } from "./run-command.js";
import type { InstallContext } from "./tool.js";

/** A program that only the tests need, and the Debian packages it comes in. */
interface TestTool {
  readonly name: string;
  readonly packages: readonly string[];
  isThere(places: Places): Promise<boolean>;
}

const IMPORT_TIMEOUT_MS = 20_000;

const onPath = (name: string) => async (places: Places) => findOnPath(name, places) !== undefined;

/** Debian's packages are seen by Debian's own Python only, whatever is first on the PATH. */
async function canImportKazoo(): Promise<boolean> {
  const python = "/usr/bin/python3";
  if (!existsSync(python)) return false;
  const scratch = await ScratchFolder.create({ purpose: "kazoo" });
  try {
    await runCommand({
      file: python,
      args: ["-c", "import kazoo"],
      folder: scratch.path,
      timeoutMs: IMPORT_TIMEOUT_MS,
    });
    return true;
  } catch {
    return false;
  } finally {
    await scratch.remove();
  }
}

const TEST_TOOLS: readonly TestTool[] = [
  { name: "kazoo", packages: ["python3-kazoo"], isThere: canImportKazoo },
  { name: "strace", packages: ["strace"], isThere: onPath("strace") },
  {
    name: "gcc",
    packages: ["gcc", "libc6-dev"],
    isThere: async (places) => findOnPath("gcc", places) !== undefined && existsSync("/usr/include/stdio.h"),
  },
  { name: "chromium", packages: ["chromium"], isThere: onPath("chromium") },
  {
    name: "zkCli.sh",
    packages: ["zookeeper"],
    isThere: async () => existsSync("/usr/share/zookeeper/bin/zkCli.sh"),
  },
];

/** Installs what the tests need beside the targets, all at once, and says what it did. Throws as `aptInstall` does. */
export async function installTestTools(
  context: InstallContext,
  tools: readonly TestTool[] = TEST_TOOLS,
): Promise<string> {
  const there = await Promise.all(tools.map((tool) => tool.isThere(context.places)));
  const missing = tools.filter((_, index) => there[index] === false);
  if (missing.length === 0) return `already there: ${tools.map((tool) => tool.name).join(", ")}`;
  await aptInstall(context, [...new Set(missing.flatMap((tool) => tool.packages))]);
  return `installed: ${missing.map((tool) => tool.name).join(", ")}`;
}
