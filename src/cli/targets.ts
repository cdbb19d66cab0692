import { Command } from "commander";
import { installAll, toolStep } from "../targets/install/install-all.js";
import { installTestTools } from "../targets/install/test-tools.js";
import type { Found, InstallContext } from "../targets/install/tool.js";
import { chooseTools, TOOLS } from "../targets/install/tools.js";
import { TARGET_KINDS } from "../targets/kinds.js";
import { type Places, placesHere } from "../targets/places.js";

interface ListedTarget {
  readonly name: string;
  /** A target can be measured; a tool helps to. */
  readonly kind: "target" | "tool";
  /** The preferred copy first; empty where it is missing. */
  readonly found: readonly { readonly version: string | null; readonly origin: string }[];
  readonly remedy: string;
}

async function listTargets(places: Places): Promise<ListedTarget[]> {
  const plain = (copies: readonly Found[]) =>
    copies.map(({ version, origin }) => ({ version: version ?? null, origin }));
  const targets = Object.values(TARGET_KINDS).map(
    async (kind): Promise<ListedTarget> => ({
      name: kind.name,
      kind: "target",
      found: plain(await kind.find()),
      remedy: kind.remedy,
    }),
  );
  const tools = TOOLS.filter((tool) => !(tool.name in TARGET_KINDS)).map(
    async (tool): Promise<ListedTarget> => ({
      name: tool.name,
      kind: "tool",
      found: plain(await tool.find(places)),
      remedy: tool.remedy,
    }),
  );
  return await Promise.all([...targets, ...tools]);
}

function formatTargets(listed: readonly ListedTarget[]): string {
  const rows = listed.flatMap(({ name, found, remedy }) =>
    found.length === 0
      ? [[name, "missing", remedy]]
      : found.map(({ version, origin }, index) => [index === 0 ? name : "", version ?? "?", origin]),
  );
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]!.length));
  const [nameWidth, versionWidth] = [width(0), width(1)];
  return rows
    .map(([name, version, text]) => `${name!.padEnd(nameWidth)}  ${version!.padEnd(versionWidth)}  ${text}\n`)
    .join("");
}

function installCommand(): Command {
  return new Command("install")
    .description("get Apache ZooKeeper, etcd, its load tool, Redis and Toxiproxy; what is there already stays")
    .argument("[names...]", `what to get: ${TOOLS.map((tool) => tool.name).join(", ")}; all of them by default`)
    .option("--test-tools", "also what only the tests of zabench need, as Debian packages", false)
    .action(async (names: string[], options: { testTools: boolean }) => {
      const context: InstallContext = {
        places: placesHere(),
        root: process.getuid?.() === 0,
        report: (line) => process.stdout.write(`${line}\n`),
      };
      const steps = chooseTools(names).map(toolStep);
      if (options.testTools) {
        steps.push({ name: "test tools", run: (step) => installTestTools(step) });
      }
      await installAll(steps, context);
    });
}

/** `zabench targets [--json]` and `zabench targets install`. */
export function targetsCommand(): Command {
  return new Command("targets")
    .description("list the targets and tools found on this machine, and how to get the missing ones")
    .option("--json", "for machines", false)
    .action(async (options: { json: boolean }) => {
      const listed = await listTargets(placesHere());
      process.stdout.write(options.json ? `${JSON.stringify(listed, undefined, 2)}\n` : formatTargets(listed));
    })
    .addCommand(installCommand());
}
