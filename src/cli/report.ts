import { basename, dirname } from "node:path";
import { Command } from "commander";
import { RESULT_FILE, readResult, resultFile, writeReports } from "../report/files.js";

/**
 * Writes the HTML, CSV and .hgrm files of a result again and returns the HTML's path. They go into `output`, else beside a
 * `result.json`, else (the result has a name of its own) into a folder of that name.
 */
export async function runReport(path: string, output?: string): Promise<string> {
  const result = await readResult(path);
  const file = await resultFile(path);
  const beside = basename(file) === RESULT_FILE ? dirname(file) : `${file.replace(/\.json$/, "")}-report`;
  const { html } = await writeReports(result, output ?? beside);
  return html;
}

export function reportCommand(): Command {
  return new Command("report")
    .description("write the HTML, CSV and .hgrm files of a result again")
    .argument("<path>", `${RESULT_FILE}, or the folder that holds it`)
    .option("--output <folder>", "write there instead of beside the result")
    .action(async (path: string, options: { readonly output?: string }) => {
      process.stdout.write(`${await runReport(path, options.output)}\n`);
    });
}
