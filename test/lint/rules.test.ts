import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

// A copy of the lint configuration over a tree of small files: each violation must be reported in the file that has it,
// and the files that obey must not be.

const repository = fileURLToPath(new URL("../../../", import.meta.url));
let folder = "";

interface Finding {
  readonly file: string;
  readonly rule: string;
}

function write(path: string, text: string): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
}

function lint(): readonly Finding[] {
  const ran = spawnSync(
    process.execPath,
    [join(repository, "node_modules/@biomejs/biome/bin/biome"), "lint", "--reporter=json", "--max-diagnostics=none"],
    { cwd: folder, encoding: "utf8", timeout: 30_000 },
  );
  assert.match(ran.stdout, /"diagnostics"/, `biome did not report: ${ran.stderr}`);
  const report = JSON.parse(ran.stdout.slice(ran.stdout.indexOf("{"))) as {
    diagnostics: { category: string; severity: string; location: { path: string | { file: string } | null } }[];
  };
  return report.diagnostics
    .filter((diagnostic) => diagnostic.severity === "error")
    .map(({ category, location }) => {
      const path = location.path ?? "";
      return { file: typeof path === "string" ? path : path.file, rule: category };
    });
}

const imported = (path: string): string => `import type { Thing } from "${path}";\nexport type Other = Thing;\n`;

const IMPORT_RULE = "lint/style/noRestrictedImports";
const GLOBAL_RULE = "lint/style/noRestrictedGlobals";
const PLUGIN = "plugin";

/** [file, what it imports]: against the direction. */
const AGAINST: readonly (readonly [string, string])[] = [
  ["src/base/a.ts", "../jute/codec.js"],
  ["src/base/b.ts", "node:fs"],
  ["src/base/c.ts", "zod"],
  ["src/jute/a.ts", "../core/step.js"],
  ["src/jute/b.ts", "../client/client.js"],
  ["src/core/a.ts", "../server/main.js"],
  ["src/core/b.ts", "node:crypto"],
  ["src/core/c.ts", "zod"],
  ["src/core/tree/a.ts", "../../workers/ring.js"],
  ["src/core/tree/b.ts", "../../client/client.js"],
  ["src/core/zab/deep/a.ts", "../../../bench/run.js"],
  ["src/server/a.ts", "../client/client.js"],
  ["src/server/b.ts", "../bench/run.js"],
  ["src/workers/a.ts", "../core/step.js"],
  ["src/workers/b.ts", "../jute/codec.js"],
  ["src/workers/a-thread.ts", "../bench/run.js"],
  ["src/workers/a-thread.worker.ts", "../targets/target.js"],
  ["src/client/a.ts", "../core/step.js"],
  ["src/client/recipes/a.ts", "../../targets/target.js"],
  ["src/targets/a.ts", "../core/step.js"],
  ["src/targets/etcd/a.ts", "../../server/main.js"],
  ["src/targets/etcd/b.ts", "../../bench/run.js"],
  ["src/bench/a.ts", "../chaos/run.js"],
  ["src/bench/b.ts", "../core/step.js"],
  ["src/bench/c.ts", "../report/csv.js"],
  ["src/bench/micro/a.ts", "../../server/main.js"],
  ["src/chaos/a.ts", "../core/step.js"],
  ["src/chaos/checker/a.ts", "../../report/csv.js"],
  ["src/chaos/simulator/a.ts", "../../server/main.js"],
  ["src/report/a.ts", "../bench/run.js"],
  ["src/report/b.ts", "../targets/target.js"],
  ["src/report/page/a.ts", "../../chaos/run.js"],
  ["src/report/page/b.ts", "../../cli/gate.js"],
];

/** [file, what it imports]: with the direction. */
const ALONG: readonly (readonly [string, string])[] = [
  ["src/base/ok.ts", "./assert.js"],
  ["src/jute/ok.ts", "../base/bytes.js"],
  ["src/core/ok.ts", "../jute/codec.js"],
  ["src/core/tree/ok.ts", "../session/tracker.js"],
  ["src/core/tree/ok2.ts", "../../base/bytes.js"],
  ["src/server/ok.ts", "../core/step.js"],
  ["src/server/ok2.ts", "../workers/ring.js"],
  ["src/server/ok3.ts", "node:net"],
  ["src/workers/ok.ts", "../base/ring.js"],
  ["src/workers/ok-thread.ts", "../core/step.js"],
  ["src/workers/ok-thread.worker.ts", "../server/log-file.js"],
  ["src/workers/ok-thread.messages.ts", "../server/log-file.js"],
  ["src/client/ok.ts", "../jute/codec.js"],
  ["src/targets/etcd/ok.ts", "../../client/client.js"],
  ["src/targets/ok.ts", "./core/find.js"],
  ["src/bench/ok.ts", "../targets/core/find.js"],
  ["src/bench/micro/ok.ts", "../../core/tree/store.js"],
  ["src/chaos/ok.ts", "../bench/run.js"],
  ["src/chaos/simulator/ok.ts", "../../core/step.js"],
  ["src/report/ok.ts", "../bench/result.js"],
  ["src/report/page/ok.ts", "../../bench/result.js"],
  ["src/report/page/ok2.ts", "../csv.js"],
  ["src/report/ok2.ts", "node:fs"],
  ["src/cli/ok.ts", "../report/csv.js"],
];

/** [name of the file, what must not stand in the core, by which rule]. */
const IMPURE: readonly (readonly [string, string, string])[] = [
  ["date", "export const now = (): number => Date.now();", GLOBAL_RULE],
  ["performance", "export const now = (): number => performance.now();", GLOBAL_RULE],
  ["timeout", "export const later = (f: () => void): unknown => setTimeout(f, 1);", GLOBAL_RULE],
  ["interval", "export const later = (f: () => void): unknown => setInterval(f, 1);", GLOBAL_RULE],
  ["immediate", "export const later = (f: () => void): unknown => setImmediate(f);", GLOBAL_RULE],
  ["microtask", "export const later = (f: () => void): void => queueMicrotask(f);", GLOBAL_RULE],
  ["process", "export const id = (): number => process.pid;", GLOBAL_RULE],
  ["crypto", "export const id = (): string => crypto.randomUUID();", GLOBAL_RULE],
  ["promise", "export const later = (): unknown => Promise.resolve(1);", GLOBAL_RULE],
  ["global", "export const now = (): number => globalThis.Date.now();", GLOBAL_RULE],
  ["random", "export const draw = (): number => Math.random();", PLUGIN],
  ["random-key", 'export const draw = (): number => Math["random"]();', PLUGIN],
  ["async-function", "export async function f(): ReturnType<() => never> {}", PLUGIN],
  ["async-arrow", "export const f = async () => 1;", PLUGIN],
  ["async-method", "export class A {\n  private async f() {\n    return 1;\n  }\n  g = this.f;\n}", PLUGIN],
  ["async-member", "export const a = {\n  async f() {\n    return 1;\n  },\n};", PLUGIN],
  ["await", "export const value = await 1;", PLUGIN],
  ["for-await", "for await (const value of []) value;\nexport {};", PLUGIN],
  ["import", 'export const later = () => import("./ok.js");', PLUGIN],
  ["blocking", "export const f = (words: Int32Array) => Atomics.wait(words, 0, 0);", PLUGIN],
];

const PURE = `import type { Bytes } from "../base/bytes.js";
export interface Clock {
  readonly async: boolean;
}
export function floor(value: number, words: Int32Array): number {
  return Math.floor(value) + Atomics.load(words, 0);
}
export const copy = (bytes: Bytes): Buffer => Buffer.from(bytes);
`;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "zabench-lint-"));
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  cpSync(join(repository, "lint"), join(folder, "lint"), { recursive: true });
  const configuration = JSON.parse(readFileSync(join(repository, "biome.json"), "utf8")) as Record<string, unknown>;
  // The copy is no git repository.
  writeFileSync(join(folder, "biome.json"), JSON.stringify({ ...configuration, vcs: { enabled: false } }));
  for (const [file, path] of [...AGAINST, ...ALONG]) write(file, imported(path));
  for (const [name, text] of IMPURE) write(`src/core/impure/${name}.ts`, `${text}\n`);
  write("src/core/pure.ts", PURE);
  write("src/server/impure.ts", "export const now = async (): Promise<number> => Date.now() + Math.random();\n");
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("the linter enforces the import directions and the purity of the core", async (context) => {
  const findings = lint();
  const found = (file: string, rule: string): boolean =>
    findings.some((finding) => finding.file === file && finding.rule === rule);
  for (const [file, path] of AGAINST) {
    await context.test(`${file} may not import ${path}`, () => {
      assert.ok(found(file, IMPORT_RULE));
    });
  }
  for (const [name, , rule] of IMPURE) {
    await context.test(`src/core may not hold: ${name}`, () => {
      assert.ok(found(`src/core/impure/${name}.ts`, rule));
    });
  }
  const allowed = [...ALONG.map(([file]) => file), "src/core/pure.ts", "src/server/impure.ts"];
  for (const file of allowed) {
    await context.test(`${file} obeys`, () => {
      assert.deepEqual(
        findings.filter((finding) => finding.file === file),
        [],
      );
    });
  }
});
