import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../src/base/user-error.js";
import type { HistogramRecord, RunResult } from "../../src/bench/result.js";
import { membersCsv, operationsCsv, percentilesCsv, secondsCsv } from "../../src/report/csv.js";
import {
  fileName,
  findNewestResult,
  readResult,
  renderReports,
  reportFolder,
  writeReports,
} from "../../src/report/files.js";
import { percentileDistribution, percentileRows } from "../../src/report/histogram.js";
import {
  CORE,
  histogramOf,
  insufficient,
  interrupted,
  leaderKill,
  makeResult,
  threeTargets,
} from "../support/results.js";

const GOLDEN = `       Value     Percentile TotalCount 1/(1-Percentile)

     255.000 0.000000000000          1           1.00
     255.000 0.100000000000          1           1.11
     260.000 0.200000000000          2           1.25
     290.000 0.300000000000          3           1.43
     290.000 0.400000000000          3           1.67
     419.000 0.500000000000          4           2.00
     419.000 0.550000000000          4           2.22
     460.000 0.600000000000          5           2.50
     460.000 0.650000000000          5           2.86
     460.000 0.700000000000          5           3.33
     629.000 0.750000000000          6           4.00
     629.000 0.775000000000          6           4.44
     629.000 0.800000000000          6           5.00
     629.000 0.825000000000          6           5.71
     629.000 0.850000000000          6           6.67
    1265.000 0.875000000000          7           8.00
    1265.000 1.000000000000          7
#[Mean    =      511.143, StdDeviation   =      331.853]
#[Max     =     1265.000, Total count    =            7]
#[Buckets =            1, SubBuckets     =         2048]
`;

const one = makeResult({ seed: 5, targets: [CORE], rounds: 1, seconds: 1, spread: 0 });
const [core] = one.targets;
assert.ok(core);

/** A result whose every figure is written here. */
function small(): RunResult {
  assert.ok(core);
  const [round] = core.rounds;
  assert.ok(round);
  const latency = histogramOf([100, 200, 300, 400]);
  const operation = { name: "read", ok: 4, errors: { NONODE: 1, "=cmd": 2 }, opsPerSecond: 2, latency, service: null };
  return {
    ...one,
    targets: [
      {
        ...core,
        operations: [operation],
        rounds: [
          {
            ...round,
            operations: [operation],
            seconds: [
              { second: 0, operation: "read", ok: 4, errors: 0, p50: 200, p99: 400, max: 400 },
              { second: 1, operation: "read", ok: 0, errors: 3, p50: null, p99: null, max: null },
            ],
            members: [
              { member: 1, cpuMicros: 100, writtenBytes: 10, syncs: 2, residentBytes: 4096 },
              { member: 2, cpuMicros: 60, writtenBytes: 0, syncs: null, residentBytes: 8192 },
            ],
          },
        ],
      },
    ],
  };
}

describe("CSV", () => {
  test("seconds: one row per target, round, second and operation; empty where there is no latency", () => {
    assert.equal(
      secondsCsv(small()),
      `target,round,second,operation,ok,errors,p50_micros,p99_micros,max_micros
core,0,0,read,4,0,200,400,400
core,0,1,read,0,3,,,
`,
    );
  });

  test("operations: the rounds together and each, errors by name, latency and service apart", () => {
    const lines = operationsCsv(small()).split("\n");
    assert.equal(
      lines[0],
      "target,version,servers,variant,round,operation,ok,errors,errors_by_name,ops_per_second," +
        "latency_min_micros,latency_mean_micros,latency_std_deviation_micros,latency_p50_micros,latency_p90_micros," +
        "latency_p95_micros,latency_p99_micros,latency_p999_micros,latency_p9999_micros,latency_max_micros," +
        "service_min_micros,service_mean_micros,service_std_deviation_micros,service_p50_micros,service_p90_micros," +
        "service_p95_micros,service_p99_micros,service_p999_micros,service_p9999_micros,service_max_micros," +
        "send_lag_p99_micros,cpu_micros_per_operation,written_bytes_per_operation,syncs_per_operation," +
        "cpu_micros_per_operation_by_member,written_bytes_per_operation_by_member,syncs_per_operation_by_member",
    );
    assert.equal(
      lines[1],
      "core,0.1.0,1,,all,read,4,3,NONODE=1 =cmd=2,2,100,250,111.80339887498948,200,400,400,400,400,400,400,,,,,,,,,,,,40,2.5,,1=25 2=15,1=2.5 2=0,1=0.5 2=",
    );
    assert.match(lines[2] ?? "", /^core,0\.1\.0,1,,0,read,4,3,/);
    assert.deepEqual(lines.slice(3), [""]);
  });

  test("members: cost per operation of each process; unknown syncs stay empty", () => {
    assert.equal(
      membersCsv(small()),
      `target,round,member,operations,cpu_micros,written_bytes,syncs,resident_bytes,cpu_micros_per_operation,written_bytes_per_operation,syncs_per_operation
core,0,1,4,100,10,2,4096,25,2.5,0.5
core,0,2,4,60,0,,8192,15,0,
`,
    );
  });

  test("percentiles: the full spectrum, up to the maximum at 1", () => {
    const lines = percentilesCsv(small()).trim().split("\n");
    assert.equal(lines[0], "target,operation,series,percentile,value_micros,total_count");
    assert.equal(lines[1], "core,read,latency,0,100,1");
    assert.equal(lines.at(-1), "core,read,latency,1,400,4");
  });

  test("a name that a spreadsheet would run is escaped", () => {
    const result = small();
    const named = { ...result, targets: result.targets.map((target) => ({ ...target, label: "=1+1" })) };
    assert.match(secondsCsv(named), /^'=1\+1,0,0/m);
  });
});

describe(".hgrm", () => {
  // Printed by HdrHistogram 2.2.2 for Java from the same bytes.
  const encoded = "HISTFAAAADJ4nJNpmSzMwMAgxMDAwMjAwMDMAAGMUJoJxv/LzMTOZMn0n5HJn+k8E9NXTiYAd/oFzQ==";
  const record = (text: string): HistogramRecord => ({ ...histogramOf([]), encoded: text });

  test("is byte for byte what HdrHistogram for Java prints", () => {
    assert.equal(percentileDistribution(record(encoded)), GOLDEN);
  });

  test("of an empty histogram has a header and a footer only", () => {
    const lines = percentileDistribution(histogramOf([])).split("\n");
    assert.equal(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
    assert.equal(lines[1], "");
    assert.match(lines[2] ?? "", /^#\[Mean {4}= {8}0\.000, StdDeviation {3}= {8}0\.000\]$/);
    assert.equal(lines.length, 6);
    assert.deepEqual(percentileRows(histogramOf([])), []);
  });

  test("rows are what is printed", () => {
    const rows = percentileRows(record(encoded));
    assert.equal(rows.length, GOLDEN.split("\n").length - 6);
    assert.deepEqual(rows.at(-1), { valueMicros: 1265, percentile: 1, totalCount: 7 });
  });
});

describe("files", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "zabench-reports-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("the folder is named after the profile and the start time, as any file system takes it", () => {
    assert.equal(reportFolder("reports", one), join("reports", "read-heavy", "2025-03-04T05-06-07.089Z"));
    const hostile = { ...one, profile: { ...one.profile, name: "../../etc/pass wd" } };
    assert.equal(reportFolder("reports", hostile), join("reports", "etc-pass-wd", "2025-03-04T05-06-07.089Z"));
    assert.equal(fileName(".."), "unnamed");
    assert.equal(fileName("a:b\\c*?"), "a-b-c-");
  });

  test("everything is written, reads back the same, and nothing else is left", async () => {
    const result = threeTargets();
    const path = reportFolder(join(folder, "all"), result);
    const written = await writeReports(result, path);
    assert.equal(written.html, join(path, "report.html"));
    assert.deepEqual(readdirSync(path).sort(), written.files.map((file) => file.slice(path.length + 1)).sort());
    assert.deepEqual(readdirSync(join(folder, "all", "read-heavy")), ["2025-03-04T05-06-07.089Z"]);
    assert.ok(written.files.includes(join(path, "zookeeper-write-latency-micros.hgrm")));
    assert.deepEqual(await readResult(path), result);
    assert.deepEqual(await readResult(join(path, "result.json")), result);
  });

  test("writing again replaces the files and keeps what others put beside them", async () => {
    const path = join(folder, "again");
    const { html } = await writeReports(one, path);
    writeFileSync(html, "damaged");
    writeFileSync(join(path, "notes.txt"), "kept");
    await writeReports(one, path);
    assert.match(readFileSync(html, "utf8"), /<!doctype html>/);
    assert.equal(readFileSync(join(path, "notes.txt"), "utf8"), "kept");
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".partial")),
      [],
    );
  });

  test("a write that fails leaves no folder behind", async () => {
    const path = join(folder, "failing");
    const unreadable = { ...one };
    Object.defineProperty(unreadable, "seed", { enumerable: true, get: () => assert.fail("cannot be read") });
    await assert.rejects(writeReports(unreadable, path), /cannot be read/);
    assert.ok(!readdirSync(folder).some((name) => name.includes("failing")));
  });

  test("a folder that takes no files is named, also below what takes no folders", async () => {
    writeFileSync(join(folder, "file"), "");
    for (const path of [join(folder, "file", "below"), "/proc/reports/run"]) {
      await assert.rejects(
        writeReports(one, path),
        (error) => error instanceof UserError && error.message.includes(path),
      );
    }
  });

  test("every kind of result is rendered, the same each time", () => {
    for (const result of [threeTargets(), leaderKill(), interrupted(), insufficient(), one, { ...one, targets: [] }]) {
      const files = renderReports(result);
      assert.deepEqual(files, renderReports(result));
      for (const [name, text] of files) {
        const shown = name.endsWith(".html") ? text.slice(text.indexOf("<main>"), text.indexOf("</main>")) : text;
        assert.ok(!/NaN|undefined|\[object/.test(shown), `${name} shows a value that is none`);
      }
    }
  });

  test("what was changed for the run stands beside the description, which it may contradict", () => {
    const headOf = (overrides: Readonly<Record<string, string>>): string => {
      const page = new Map(renderReports({ ...one, profile: { ...one.profile, overrides } })).get("report.html") ?? "";
      return page.slice(page.indexOf("<main>"), page.indexOf("<h2>"));
    };
    assert.match(
      headOf({ "workload.operations": "{read: 1}", duration: "6s" }),
      /Changed for this run: workload\.operations = \{read: 1\}, duration = 6s/,
    );
    assert.doesNotMatch(headOf({}), /Changed/);
  });

  test("many targets are counted in the title, and told by system", () => {
    const [target] = one.targets as [(typeof one.targets)[number]];
    const titled = (count: number): string => {
      const targets = Array.from({ length: count }, (_, index) => ({ ...target, label: `${target.label}-${index}` }));
      return new Map(renderReports({ ...one, targets })).get("report.html") ?? "";
    };
    assert.match(titled(4), new RegExp(`<h1>${target.label}-0, .* and ${target.label}-3: `));
    assert.match(titled(5), /<h1>5 targets and variants: /);
    assert.match(titled(5), new RegExp(`<b>Targets</b> ${target.target} ${target.version} \\(`));
  });

  const refused = async (value: unknown): Promise<UserError> => {
    const path = join(folder, "refused.json");
    writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
    const error = await readResult(path).then(
      () => assert.fail("it was read"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof UserError, String(error));
    assert.equal(error.kind.exitCode, 2);
    assert.equal(error.where, path);
    return error;
  };

  test("another schemaVersion is refused by its number", async () => {
    const error = await refused({ ...one, schemaVersion: 1 });
    assert.equal(error.kind.code, "RESULT_VERSION");
    assert.match(error.message, /schemaVersion 1, this zabench reads 2/);
  });

  test("a bad value, a missing key and an unknown key are refused by their path", async () => {
    const copy = (): { targets: { rounds: { durationMicros: unknown; client: Record<string, unknown> }[] }[] } =>
      JSON.parse(JSON.stringify(one));
    const bad = copy();
    const [round] = bad.targets[0]?.rounds ?? [];
    assert.ok(round);
    round.durationMicros = "long";
    assert.match((await refused(bad)).message, /targets\[0\]\.rounds\[0\]\.durationMicros/);
    round.durationMicros = 1;
    delete round.client["saturated"];
    assert.match((await refused(bad)).message, /targets\[0\]\.rounds\[0\]\.client\.saturated/);
    assert.match((await refused({ ...one, extra: 1 })).message, /extra/);
    assert.match(
      (await refused({ ...one, targets: [core, core] })).message,
      /targets: two targets have the same label/,
    );
    assert.match((await refused([])).message, /the whole file/);
    const { schemaVersion: _, ...unversioned } = one;
    assert.match((await refused(unversioned)).message, /at schemaVersion/);
  });

  test("a histogram that cannot be decoded is refused by its path", async () => {
    const text = JSON.stringify(one).replace(/"encoded":"[^"]*"/, '"encoded":"bm90IG9uZQ=="');
    assert.match((await refused(text)).message, /latency\.encoded: not an HDR V2 histogram/);
  });

  test("what is not JSON, or not there, is refused", async () => {
    assert.equal((await refused("{")).kind.code, "RESULT_UNREADABLE");
    await assert.rejects(readResult(join(folder, "absent")), /absent: no result can be read \(ENOENT\)/);
    mkdirSync(join(folder, "empty"));
    await assert.rejects(readResult(join(folder, "empty")), /result\.json: no result can be read \(ENOENT\)/);
  });

  test("the newest result of a profile is found, and is never the baseline itself", async () => {
    const root = join(folder, "newest");
    await assert.rejects(findNewestResult(root, "read-heavy"), /there is no result below this folder/);
    for (const startedAt of ["2025-03-04T05:06:07.089Z", "2025-11-04T05:06:07.089Z", "2025-09-04T05:06:07.089Z"]) {
      await writeReports({ ...one, startedAt }, reportFolder(root, { ...one, startedAt }));
    }
    mkdirSync(join(root, "read-heavy", "2026-without-a-result"));
    const newest = await findNewestResult(root, "read-heavy");
    assert.equal(newest, join(root, "read-heavy", "2025-11-04T05-06-07.089Z", "result.json"));
    const other = await findNewestResult(root, "read-heavy", join(root, "read-heavy", "2025-11-04T05-06-07.089Z"));
    assert.equal(other, join(root, "read-heavy", "2025-09-04T05-06-07.089Z", "result.json"));
  });
});
