import assert from "node:assert/strict";
import { test } from "node:test";
import type { RatioRecord, RunResult } from "../../src/bench/result.js";
import { comparisons, notices, outageSentences, withoutRatio } from "../../src/report/headline.js";
import {
  CORE,
  insufficient,
  interrupted,
  leaderKill,
  makeResult,
  threeTargets,
  ZOOKEEPER,
} from "../support/results.js";

const two = makeResult({ seed: 6, targets: [CORE, ZOOKEEPER], rounds: 3, seconds: 2, spread: 0.02 });

const ratio = (
  metric: RatioRecord["metric"],
  value: number | null,
  min: number | null,
  max: number | null,
): RatioRecord => ({
  numerator: "core",
  denominator: "zookeeper",
  operation: "read",
  metric,
  value,
  interval: null,
  pairs: value === null ? 0 : 3,
  min,
  max,
  note: value === null ? "zookeeper not warmed" : "",
});

const said = (record: RatioRecord, result: RunResult = two): string =>
  comparisons({ ...result, ratios: [record] })[0]?.sentences.join(" ") ?? "";

test("a ratio above one in every round is claimed, with its spread", () => {
  assert.equal(
    said(ratio("opsPerSecond", 2.1, 1.98, 2.24)),
    "core did 2.10× the read operations per second of zookeeper (1.98× to 2.24× between rounds).",
  );
});

test("a ratio below one is said to be slower", () => {
  assert.equal(
    said(ratio("opsPerSecond", 0.6, 0.55, 0.7)),
    "core is slower: it did 0.600× the read operations per second of zookeeper (0.550× to 0.700× between rounds).",
  );
});

test("nothing is claimed where the rounds disagree about which is faster", () => {
  assert.match(said(ratio("opsPerSecond", 1.02, 0.95, 1.06)), /cannot be told apart/);
  assert.match(said(ratio("p99", 0.9, 0.7, 1.2)), /no clear difference/);
});

const withInterval = (record: RatioRecord, low: number, high: number): RatioRecord => ({
  ...record,
  interval: { confidence: 0.95, low, high },
  pairs: 6,
});

test("a difference is called real where its interval leaves out 1, and not where the rounds alone agree", () => {
  assert.equal(
    said(withInterval(ratio("opsPerSecond", 2.1, 1.98, 2.24), 2.01, 2.2)),
    "core did 2.10× the read operations per second of zookeeper (2.01× to 2.20× with 95% confidence, 6 rounds); the difference is real.",
  );
  assert.equal(
    said(withInterval(ratio("p99", 0.8, 0.7, 0.95), 0.66, 0.97)),
    "p99 latency: 0.800× that of zookeeper (0.660× to 0.970× with 95% confidence, 6 rounds); lower is better; the difference is real.",
  );
  assert.match(said(withInterval(ratio("opsPerSecond", 1.1, 1.01, 1.3), 0.98, 1.23)), /cannot be told apart/);
  assert.match(said(withInterval(ratio("p50", 1.1, 1.01, 1.3), 0.98, 1.23)), /no clear difference/);
  assert.doesNotMatch(said(ratio("opsPerSecond", 2.1, 1.98, 2.24)), /real/);
});

test("latency and CPU are better when lower, and said to be worse when higher", () => {
  assert.match(said(ratio("p99", 0.5, 0.4, 0.6)), /p99 latency: 0\.500× that of zookeeper .*; lower is better\./);
  assert.match(said(ratio("cpuMicrosPerOperation", 1.5, 1.4, 1.6)), /; core is worse here\./);
});

test("without a value there is no figure, and the reason is given", () => {
  const ratios = [ratio("opsPerSecond", null, null, null), ratio("cpuMicrosPerOperation", 0.5, 0.4, 0.6)];
  const [comparison] = comparisons({ ...two, ratios });
  assert.equal(comparison?.figure, null);
  assert.equal(comparison?.sentences[0], "No ratio of throughput for read: zookeeper not warmed.");
  assert.deepEqual(withoutRatio({ ...two, ratios }), []);
});

test("a figure's caption says what it is of", () => {
  const caption = (metric: RatioRecord["metric"]): string | undefined =>
    comparisons({ ...two, ratios: [{ ...ratio(metric, 0.5, 0.4, 0.6), operation: "total" }] })[0]?.caption;
  assert.equal(caption("opsPerSecond"), "total operations per second");
  assert.equal(caption("cpuMicrosPerOperation"), "Server CPU per operation, lower is better");
  assert.equal(caption("p50"), "Median latency of total, lower is better");
  const open = makeResult({
    seed: 6,
    targets: [CORE, ZOOKEEPER],
    rounds: 3,
    seconds: 2,
    spread: 0.02,
    ratePerSecond: 1_000,
  });
  const [card] = comparisons({ ...open, ratios: [ratio("cpuMicrosPerOperation", 0.5, 0.4, 0.6)] });
  assert.deepEqual([card?.figure, card?.caption], ["0.500×", "Server CPU per operation, lower is better"]);
});

test("where no ratio could be drawn, each reason is said once", () => {
  const none = ratio("p50", null, null, null);
  const ratios = [
    none,
    { ...none, metric: "p99" as const },
    { ...none, operation: "write" },
    { ...none, numerator: "etcd" },
    { ...none, note: "" },
    ratio("p50", 0.5, 0.4, 0.6),
  ].map((record, index) => (index < 4 ? record : { ...record, denominator: "etcd" }));
  assert.equal(comparisons({ ...two, ratios }).length, 1);
  assert.deepEqual(withoutRatio({ ...two, ratios: ratios.slice(0, 5) }), [
    { reason: "zookeeper not warmed", pairs: ["core over zookeeper (read, write)", "etcd over zookeeper (read)"] },
    { reason: "too few samples", pairs: ["core over etcd (read)"] },
  ]);
});

test("saturated clients make a ratio a bound", () => {
  const saturated = (label: string): RunResult => ({
    ...two,
    targets: two.targets.map((target) => ({
      ...target,
      rounds: target.rounds.map((round) => ({
        ...round,
        client: { ...round.client, saturated: label === "both" || target.label === label },
      })),
    })),
  });
  const record = ratio("opsPerSecond", 2, 1.9, 2.1);
  assert.match(said(record, saturated("core")), /at least, since the clients were the limit against core/);
  assert.match(said(record, saturated("zookeeper")), /at most, since/);
  assert.match(said(record, saturated("both")), /the limit on both sides/);
});

test("at a fixed rate latency leads and throughput claims nothing", () => {
  const plan = { seed: 6, targets: [CORE, ZOOKEEPER], rounds: 3, seconds: 2, spread: 0.02, ratePerSecond: 1_000 };
  const [comparison] = comparisons(makeResult(plan));
  assert.equal(comparison?.caption, "p99 latency of read, lower is better");
  assert.ok(comparison?.sentences.includes("Both were offered the same load, so their throughput says nothing."));
});

test("a clean result has no notices; others have theirs, the gravest first", () => {
  assert.deepEqual(notices(threeTargets()), []);
  assert.deepEqual(
    notices(insufficient()).map(({ tone, title }) => [tone, title]),
    [
      ["bad", "zookeeper was inconsistent"],
      ["bad", "zookeeper: a check could not be made"],
      ["caution", "Clients saturated against core"],
      ["caution", "zookeeper was not warmed"],
    ],
  );
  assert.deepEqual(
    notices(interrupted()).map(({ title }) => title),
    ["Interrupted", "zookeeper was not measured", "etcd was not measured"],
  );
  assert.deepEqual(
    notices(leaderKill()).map(({ title }) => title),
    ["Threshold missed by etcd"],
  );
});

test("what is common to several targets is said once", () => {
  const result = threeTargets();
  const targets = result.targets.map((target, index) => ({
    ...target,
    warmUp: { durationMicros: (index + 1) * 1_000_000, steady: false },
    rounds: target.rounds.map((round) => ({ ...round, client: { ...round.client, saturated: index < 2 } })),
  }));
  const [saturated, restless, ...others] = notices({ ...result, targets });
  const [first, second, third] = targets.map(({ label }) => label);
  const { length } = targets[0]!.rounds;
  assert.deepEqual(others, []);
  assert.equal(saturated?.title, "Clients saturated against 2 targets");
  assert.match(saturated?.text ?? "", new RegExp(`in ${length} of ${length} rounds of ${first} and .* of ${second}:`));
  assert.equal(restless?.title, "3 targets were not warmed");
  assert.match(restless?.text ?? "", new RegExp(`${first} after 1\\.00? s, ${second} after 2.* and ${third} after 3`));
});

test("an outage is told as clients felt it, also where service never came back", () => {
  const result = leaderKill();
  const [zookeeper] = result.targets;
  const [outage] = zookeeper?.outages ?? [];
  assert.ok(zookeeper && outage);
  const told = (outages: readonly (typeof outage)[]): readonly string[] =>
    outageSentences({ ...result, targets: [{ ...zookeeper, outages }] });
  assert.deepEqual(told([{ ...outage, overallMicros: 1_320_000, sessionsLost: 0 }]), [
    "zookeeper, kill leader: no client was served for 1.32 s; no session was lost.",
  ]);
  assert.deepEqual(
    told([
      { ...outage, overallMicros: 900_000 },
      { ...outage, overallMicros: null },
      { ...outage, overallMicros: 1_320_000 },
    ]),
    [
      "zookeeper, kill leader in 3 rounds: no client was served for 900 ms to 1.32 s; 1 times service never came back and 6 sessions were lost.",
    ],
  );
  assert.match(told([{ ...outage, overallMicros: null }])[0] ?? "", /no client was served again/);
});

test("a share that missed its threshold is not rounded away", () => {
  const missed = { target: "core", metric: "total", expression: "errors<=0%", observed: 0.0004, passed: false };
  const [notice] = notices({ ...two, thresholds: [missed] });
  assert.match(notice?.text ?? "", /observed 0\.0400%/);
});
