import { access, chmod, rm, writeFile } from "node:fs/promises";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { findOnPath } from "../places.js";
import { ScratchFolder } from "../process/scratch-folder.js";
import { runCommand } from "./run-command.js";
import type { InstallContext } from "./tool.js";

const UPDATE_TIMEOUT_MS = 300_000;
const INSTALL_TIMEOUT_MS = 900_000;

const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
const POLICY_PATH = "/usr/sbin/policy-rc.d";

/** Why Debian packages cannot be installed here; undefined where they can. */
export function aptObstacle(context: InstallContext): string | undefined {
  if (findOnPath("apt-get", context.places) === undefined) return "there is no apt-get";
  return context.root ? undefined : "installing Debian packages needs root";
}

/**
 * Keeps packages from starting their services: a server of the same kind on its usual port is not what anyone asked for.
 * A policy of the machine's own stays. Ours says no only while this process lives, so none is left behind by a crash.
 */
async function forbidServices(policyPath: string): Promise<() => Promise<void>> {
  try {
    await access(policyPath);
    return async () => undefined;
  } catch {
    await writeFile(policyPath, `#!/bin/sh\nkill -0 ${process.pid} 2>/dev/null && exit 101\nexit 0\n`);
    await chmod(policyPath, 0o755);
    return async () => await rm(policyPath, { force: true });
  }
}

/** Installs packages of the Debian-like system. Throws UserError `cannotInstall` or `commandFailed`. */
export async function aptInstall(
  context: InstallContext,
  packages: readonly string[],
  policyPath: string = POLICY_PATH,
): Promise<void> {
  const obstacle = aptObstacle(context);
  if (obstacle !== undefined) {
    throw new UserError(USER_ERRORS.cannotInstall, {
      tool: packages.join(", "),
      reason: obstacle,
      remedy: `run 'sudo apt-get install ${packages.join(" ")}', or what your system has instead`,
    });
  }
  const scratch = await ScratchFolder.create({ purpose: "apt" });
  const allowServices = await forbidServices(policyPath);
  const apt = (args: readonly string[], timeoutMs: number): Promise<string> =>
    runCommand({
      file: findOnPath("apt-get", context.places)!,
      args: ["-o", "DPkg::Lock::Timeout=300", ...args],
      folder: scratch.path,
      environment: { ...context.places.environment, ...ENVIRONMENT },
      timeoutMs,
    });
  try {
    const install = ["install", "-y", "--no-install-recommends", ...packages];
    context.report(`installing Debian packages ${packages.join(" ")}`);
    try {
      await apt(install, INSTALL_TIMEOUT_MS);
    } catch {
      // A fresh machine has no package lists, an old one has stale ones.
      context.report("updating the package lists of Debian");
      await apt(["update"], UPDATE_TIMEOUT_MS);
      await apt(install, INSTALL_TIMEOUT_MS);
    }
  } finally {
    await allowServices();
    await scratch.remove();
  }
}
