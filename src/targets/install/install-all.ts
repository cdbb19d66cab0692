import { USER_ERRORS, UserError } from "../../base/user-error.js";
import type { InstallContext, Tool } from "./tool.js";

/** What to install: a tool, or all the test tools as one. */
export interface InstallStep {
  readonly name: string;
  /** Returns what is to be said of the outcome. */
  run(context: InstallContext): Promise<string>;
}

export function toolStep(tool: Tool): InstallStep {
  const describe = async (context: InstallContext): Promise<string> => {
    const [best] = await tool.find(context.places);
    return best === undefined ? tool.title : `${tool.title} ${best.version ?? ""} (${best.origin})`.replace("  ", " ");
  };
  return {
    name: tool.name,
    run: async (context) => {
      if (await tool.isSatisfied(context)) return `already there: ${await describe(context)}`;
      await tool.install(context);
      if ((await tool.find(context.places)).length === 0) {
        throw new UserError(USER_ERRORS.cannotInstall, {
          tool: tool.name,
          reason: "it was installed but cannot be found",
          remedy: tool.remedy,
        });
      }
      return `installed: ${await describe(context)}`;
    },
  };
}

/** One after the other; what fails does not keep the rest from being installed. Throws `installIncomplete` at the end. */
export async function installAll(steps: readonly InstallStep[], context: InstallContext): Promise<void> {
  const failed: string[] = [];
  for (const step of steps) {
    const report = (line: string): void => context.report(`${step.name}: ${line}`);
    const begin = performance.now();
    try {
      const outcome = await step.run({ ...context, report });
      report(`${outcome} [${((performance.now() - begin) / 1_000).toFixed(1)} s]`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failed.push(step.name);
      report(error.message);
    }
  }
  if (failed.length > 0) throw new UserError(USER_ERRORS.installIncomplete, { names: failed.join(", ") });
}
