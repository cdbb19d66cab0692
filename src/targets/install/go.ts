import { chmod, rename } from "node:fs/promises";
import { join } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { findOnPath } from "../places.js";
import { compareVersions, isStableVersion } from "../version.js";
import { aptInstall, aptObstacle } from "./apt.js";
import { installInCache } from "./cache.js";
import { runCommand } from "./run-command.js";
import type { InstallContext } from "./tool.js";

export interface GoProgram {
  /** Folder in the cache. */
  readonly tool: string;
  /** "go.etcd.io/etcd/server/v3". */
  readonly module: string;
  /** The main package in it. */
  readonly package: string;
  /** Name of the executable. */
  readonly program: string;
  /** Released and known to work, "v3.5.9"; used where the registry's own answer cannot be had. */
  readonly knownGoodVersion: string;
  /** Variable of the program that holds its version; one built from the module has it unset. */
  readonly versionVariable?: string;
  /** Arguments that make it end with 0 at once: a program that does not even do that is not installed. */
  readonly trial: readonly string[];
}

const QUERY_TIMEOUT_MS = 120_000;
const BUILD_TIMEOUT_MS = 1_200_000;
const TRIAL_TIMEOUT_MS = 30_000;
/** Releases whose build is tried; a failed one costs minutes. */
const BUILDS_MAX = 3;
/** From this version Go gets a newer toolchain by itself where a module asks for one. */
const FIRST_WITH_TOOLCHAINS = "1.21";

/** The newest stable release of each minor line, the newest line first. */
export function newestOfEachMinor(versions: readonly string[]): string[] {
  const newest = new Map<string, string>();
  const plain = (version: string): string => version.replace(/^v/, "");
  for (const version of versions.filter(isStableVersion)) {
    const minor = plain(version).split(".").slice(0, 2).join(".");
    const known = newest.get(minor);
    if (known === undefined || compareVersions(plain(version), plain(known)) > 0) newest.set(minor, version);
  }
  return [...newest.values()].sort((a, b) => compareVersions(plain(b), plain(a)));
}

/** The `go` commands of one build, in one folder. */
class GoModule {
  readonly #context: InstallContext;
  readonly #folder: string;
  readonly #go: string;

  constructor(context: InstallContext, folder: string, go: string) {
    this.#context = context;
    this.#folder = folder;
    this.#go = go;
  }

  run(args: readonly string[], timeoutMs: number): Promise<string> {
    const userFlags = this.#context.places.environment["GOFLAGS"] ?? "";
    return runCommand({
      file: this.#go,
      args,
      folder: this.#folder,
      // Without C no compiler is needed, and the program runs wherever it is copied to.
      environment: { ...this.#context.places.environment, CGO_ENABLED: "0", GOFLAGS: `${userFlags} -mod=mod`.trim() },
      timeoutMs,
    });
  }

  async candidates(program: GoProgram): Promise<string[]> {
    try {
      const answer = await this.run(["list", "-m", "-versions", program.module], QUERY_TIMEOUT_MS);
      const line = answer.split("\n").find((text) => text.startsWith(`${program.module} `)) ?? "";
      return [...new Set([...newestOfEachMinor(line.split(" ").slice(1)), program.knownGoodVersion])];
    } catch {
      this.#context.report(`the releases of ${program.module} cannot be listed; trying ${program.knownGoodVersion}`);
      return [program.knownGoodVersion];
    }
  }

  /** False where this Go is too old for the release and cannot get a newer toolchain. */
  async canBuild(module: string, version: string): Promise<boolean> {
    const [own, toolchain] = (await this.run(["env", "GOVERSION", "GOTOOLCHAIN"], QUERY_TIMEOUT_MS)).split("\n");
    const ownVersion = (own ?? "").replace(/^go/, "");
    if (compareVersions(ownVersion, FIRST_WITH_TOOLCHAINS) >= 0 && toolchain !== "local") return true;
    try {
      const answer = await this.run(
        ["list", "-m", "-f", "needs {{.GoVersion}}", `${module}@${version}`],
        QUERY_TIMEOUT_MS,
      );
      const needed = /^needs (\S+)$/m.exec(answer)?.[1];
      return needed === undefined || compareVersions(ownVersion, needed) >= 0;
    } catch {
      // The release is listed but cannot be had.
      return false;
    }
  }
}

async function build(program: GoProgram, version: string, go: GoModule, work: string, result: string): Promise<void> {
  const built = join(work, program.program);
  const plain = version.replace(/^v/, "");
  const stamp = program.versionVariable === undefined ? [] : ["-ldflags", `-X ${program.versionVariable}=${plain}`];
  await go.run(["get", `${program.module}@${version}`], BUILD_TIMEOUT_MS);
  await go.run(["build", "-trimpath", ...stamp, "-o", built, program.package], BUILD_TIMEOUT_MS);
  await runCommand({ file: built, args: program.trial, folder: work, timeoutMs: TRIAL_TIMEOUT_MS });
  await chmod(built, 0o755);
  await rename(built, join(result, program.program));
}

/** Builds the newest release that this machine's Go can build. Throws UserError `cannotInstall` or `commandFailed`. */
export async function installGoProgram(context: InstallContext, program: GoProgram): Promise<void> {
  if (findOnPath("go", context.places) === undefined) {
    const obstacle = aptObstacle(context);
    if (obstacle !== undefined) {
      throw new UserError(USER_ERRORS.cannotInstall, {
        tool: program.tool,
        reason: `go is missing, and ${obstacle}`,
        remedy: `install Go (https://go.dev/dl) and run 'zabench targets install ${program.tool}' again`,
      });
    }
    await aptInstall(context, ["golang-go"]);
  }
  await installInCache(program.tool, context, async (work, result) => {
    // A module of our own that requires the other: `go install` refuses modules with replace directives.
    const go = new GoModule(context, work, findOnPath("go", context.places) ?? "go");
    await go.run(["mod", "init", "zabench.invalid/install"], QUERY_TIMEOUT_MS);
    let builds = 0;
    let last: unknown;
    for (const version of await go.candidates(program)) {
      if (builds === BUILDS_MAX) break;
      if (!(await go.canBuild(program.module, version))) continue;
      builds++;
      context.report(`building ${program.module} ${version} with Go; this takes minutes`);
      try {
        await build(program, version, go, work, result);
        return version.replace(/^v/, "");
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        last = error;
        context.report(`${version} cannot be built: ${error.message}`);
      }
    }
    throw (
      last ??
      new UserError(USER_ERRORS.cannotInstall, {
        tool: program.tool,
        reason: `no release of ${program.module} can be built with this Go`,
        remedy: "install a current Go (https://go.dev/dl)",
      })
    );
  });
}
