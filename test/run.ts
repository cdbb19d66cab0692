import { setMaxListeners } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { SUITES, type Suite } from "./suites.js";

// Runs the suites of one command: `node build/test/run.js [--suite quick|real|long|<name>]`.

const WHY_LENGTH_MAX = 2_000;

const root = fileURLToPath(new URL(".", import.meta.url));

function testFiles(path: string): string[] {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [full];
  return readdirSync(full, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => join(full, name))
    .sort();
}

/** Another suite names a folder within one of this suite's, and the file lies there. */
function belongsElsewhere(file: string, suite: Suite): boolean {
  return SUITES.some(
    (other) =>
      other !== suite &&
      other.paths.some(
        (path) => file.startsWith(join(root, path, sep)) && suite.paths.some((own) => path.startsWith(`${own}/`)),
      ),
  );
}

interface Outcome {
  passed: number;
  skipped: number;
  /** What failed, and why. */
  readonly failures: string[];
}

/** Once more at the end of everything printed, where whoever sees only that looks for it. */
function whyOf(error: Error): string {
  return inspect(error.cause ?? error, { depth: 3 })
    .slice(0, WHY_LENGTH_MAX)
    .replaceAll(/^/gm, "    ");
}

async function runSuite(suite: Suite, total: Outcome): Promise<void> {
  const files = suite.paths.flatMap(testFiles).filter((file) => !belongsElsewhere(file, suite));
  if (files.length === 0) {
    process.stdout.write(`suite ${suite.name}: no test file in ${suite.paths.join(", ")}\n`);
    return;
  }
  process.stdout.write(`\nsuite ${suite.name}: ${files.length} files, budget ${suite.budgetSeconds} s\n`);
  const begin = Date.now();
  const stop = new AbortController();
  // The runner listens once for each file.
  setMaxListeners(0, stop.signal);
  const timer = setTimeout(() => stop.abort(), suite.budgetSeconds * 1_000);
  const stream = run({ files, concurrency: suite.concurrency, signal: stop.signal });
  stream.on("test:pass", (event) => {
    if (event.details.type === "suite" || files.some((file) => event.name === file)) return;
    if (event.skip === undefined) total.passed++;
    else total.skipped++;
  });
  stream.on("test:fail", (event) => {
    const { type, error } = event.details;
    if (type === "suite" && "failureType" in error && error.failureType === "subtestsFailed") return;
    const file = event.file === undefined ? "" : `${relative(root, event.file)}: `;
    total.failures.push(`${file}${event.name}\n${whyOf(error)}`);
  });
  const printed = stream.compose(new spec());
  for await (const text of printed) process.stdout.write(text as string);
  clearTimeout(timer);
  const seconds = (Date.now() - begin) / 1_000;
  process.stdout.write(`suite ${suite.name}: ${seconds.toFixed(1)} s of ${suite.budgetSeconds} s\n`);
  if (stop.signal.aborted) total.failures.push(`suite ${suite.name} went over its budget and was ended`);
}

const asked = process.argv.includes("--suite") ? process.argv[process.argv.indexOf("--suite") + 1] : "quick";
const chosen = SUITES.filter((suite) => suite.command === asked || suite.name === asked);
if (chosen.length === 0) {
  process.stderr.write(`no suite '${asked}'; there are ${SUITES.map((suite) => suite.name).join(", ")}\n`);
  process.exit(2);
}
const total: Outcome = { passed: 0, skipped: 0, failures: [] };
for (const suite of chosen) await runSuite(suite, total);
const { passed, skipped, failures } = total;
for (const failure of failures) process.stdout.write(`\nfailed: ${failure}\n`);
process.stdout.write(`\n${passed} passed, ${failures.length} failed, ${skipped} skipped\n`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
