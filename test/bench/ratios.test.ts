import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareTargets } from "../../src/bench/ratios.js";
import type { RatioRecord, RoundResult, TargetResult } from "../../src/bench/result.js";
import { CORE, makeResult, ZOOKEEPER } from "../support/results.js";

const SECONDS = 2;
const two = makeResult({ seed: 11, targets: [CORE, ZOOKEEPER], rounds: 7, seconds: SECONDS, spread: 0.05 });
const [core, zookeeper] = two.targets as [TargetResult, TargetResult];

function ratiosOf(numerator: TargetResult, denominator: TargetResult): RatioRecord[] {
  return compareTargets([numerator, denominator], ["read", "write"], SECONDS * 1e6);
}

function ratioOf(numerator: TargetResult, denominator: TargetResult, metric: RatioRecord["metric"]): RatioRecord {
  const wanted = metric === "cpuMicrosPerOperation" ? "total" : "read";
  const found = ratiosOf(numerator, denominator).find((each) => each.operation === wanted && each.metric === metric);
  assert.ok(found);
  return found;
}

const withRounds = (target: TargetResult, change: (round: RoundResult) => RoundResult | null): TargetResult => ({
  ...target,
  rounds: target.rounds.flatMap((round) => change(round) ?? []),
});

/** The read operations of one round, changed. */
const withRead = (
  target: TargetResult,
  index: number,
  change: (operation: RoundResult["operations"][number]) => RoundResult["operations"][number],
): TargetResult =>
  withRounds(target, (round) =>
    round.index !== index
      ? round
      : { ...round, operations: round.operations.map((each) => (each.name === "read" ? change(each) : each)) },
  );

test("the estimate lies within the range of the pairs and within its interval, for every figure", () => {
  const records = ratiosOf(core, zookeeper);
  assert.ok(records.length >= 9);
  for (const { value, interval, min, max, pairs, note } of records) {
    assert.ok(value !== null && interval !== null && min !== null && max !== null);
    assert.ok(min <= value && value <= max, `${min} <= ${value} <= ${max}`);
    assert.ok(interval.low <= value && value <= interval.high);
    assert.deepEqual([pairs, note], [7, ""]);
  }
});

test("the estimate stays within its range for rounds of any speed and uneven number", () => {
  const speeds = fc.array(fc.double({ min: 1, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 7 });
  const slowed = (target: TargetResult, rates: readonly number[]): TargetResult =>
    withRounds(target, (round) => {
      const rate = rates[round.index];
      if (rate === undefined) return null;
      return { ...round, operations: round.operations.map((each) => ({ ...each, opsPerSecond: rate })) };
    });
  fc.assert(
    fc.property(speeds, speeds, (over, under) => {
      const { value, min, max, pairs, interval } = ratioOf(
        slowed(core, over),
        slowed(zookeeper, under),
        "opsPerSecond",
      );
      assert.ok(value !== null && min !== null && max !== null);
      assert.ok(min <= value && value <= max);
      assert.equal(pairs, Math.min(over.length, under.length));
      assert.equal(interval === null, pairs < 6);
    }),
  );
});

test("rounds are paired by their number, not by their place", () => {
  const without = withRounds(zookeeper, (round) => (round.index === 0 ? null : round));
  const { min, max, pairs } = ratioOf(core, without, "opsPerSecond");
  const rate = (target: TargetResult, index: number): number =>
    target.rounds.find((round) => round.index === index)!.operations[0]!.opsPerSecond;
  const expected = [1, 2, 3, 4, 5, 6].map((index) => rate(core, index) / rate(zookeeper, index));
  assert.equal(pairs, 6);
  assert.deepEqual([min, max], [Math.min(...expected), Math.max(...expected)]);
});

test("a round that was ended early is no part of a pair", () => {
  const early = withRounds(core, (round) => (round.index === 6 ? { ...round, durationMicros: 300_000 } : round));
  assert.equal(ratioOf(early, zookeeper, "opsPerSecond").pairs, 6);
  const never = withRounds(core, (round) => ({ ...round, durationMicros: 300_000 }));
  const { value, note } = ratioOf(never, zookeeper, "opsPerSecond");
  assert.deepEqual([value, note], [null, "no round of both was measured whole"]);
});

test("a round in which a target stalled forbids the ratio: leaving it out would hide the stall", () => {
  const stalled = withRead(zookeeper, 3, (read) => ({ ...read, ok: 3, opsPerSecond: 1.5 }));
  const { value, interval, note } = ratioOf(core, stalled, "opsPerSecond");
  assert.deepEqual([value, interval, note], [null, null, "round 4 of zookeeper has too few samples: 3"]);
});

test("a 99th percentile needs a thousand samples in every round, a median does not", () => {
  const few = withRead(core, 2, (read) => ({ ...read, ok: 999 }));
  assert.equal(ratioOf(few, zookeeper, "p99").note, "round 3 of core has too few samples: 999");
  assert.ok(ratioOf(few, zookeeper, "p50").value !== null);
});

test("five pairs make an estimate without an interval, and say so", () => {
  const five = withRounds(core, (round) => (round.index < 5 ? round : null));
  const { value, interval, note } = ratioOf(five, zookeeper, "cpuMicrosPerOperation");
  assert.ok(value !== null);
  assert.deepEqual([interval, note], [null, "an interval takes 6 rounds, there were 5"]);
});

test("the cost of servers that were not started here is not known, and said to be", () => {
  const members = (target: TargetResult): TargetResult =>
    withRounds({ ...target, managed: false }, (round) => ({ ...round, members: [] }));
  for (const [over, under, label] of [
    [members(core), members(zookeeper), "core"],
    [core, members(zookeeper), "zookeeper"],
  ] as const) {
    const { value, note } = ratioOf(over, under, "cpuMicrosPerOperation");
    assert.deepEqual([value, note], [null, `the cost of servers that zabench did not start is not known: ${label}`]);
    assert.ok(ratioOf(over, under, "opsPerSecond").value !== null);
  }
});
