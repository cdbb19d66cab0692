import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckTally } from "../../src/bench/load/load.js";
import { Tally } from "../../src/bench/load/tally.js";
import { mergeChecks } from "../../src/bench/merge.js";

function tally(observations: number, violated: readonly string[] = [], unjudged: readonly string[] = []): CheckTally {
  const made = new Tally("order");
  made.observations = observations;
  for (const detail of unjudged) made.unjudged(detail);
  for (const detail of violated) made.violated(detail);
  return made.report();
}

test("a check is valid where every round observed it, whichever workers did", () => {
  const [check] = mergeChecks([
    [tally(0), tally(3)],
    [tally(2), tally(0)],
  ]);
  assert.deepEqual(check, { name: "order", verdict: "valid", detail: "", observations: 5 });
});

test("a check that some rounds did not observe is unknown, and says how many did", () => {
  const [check] = mergeChecks([[tally(3)], [tally(0)], [tally(4)]]);
  assert.equal(check?.verdict, "unknown");
  assert.match(check.detail, /in 2 of 3 rounds only/);
});

test("a round that has no such check at all did not observe it", () => {
  const other = { ...tally(1), name: "other" };
  const verdicts = mergeChecks([[tally(3), other], [other]]).map(({ name, verdict }) => [name, verdict]);
  assert.deepEqual(verdicts, [
    ["order", "unknown"],
    ["other", "valid"],
  ]);
});

test("what could not be judged makes a check unknown, however much else was observed", () => {
  const [check] = mergeChecks([[tally(9), tally(0, [], ["late", "later"])], [tally(9)]]);
  assert.deepEqual(check, {
    name: "order",
    verdict: "unknown",
    detail: "2 not judged, the first: late",
    observations: 18,
  });
});

test("a violation stands over everything, and is the one that is told", () => {
  const [check] = mergeChecks([[tally(1, [], ["late"])], [tally(0, ["wrong"], ["late"])], [tally(0)]]);
  assert.equal(check?.verdict, "invalid");
  assert.equal(check.detail, "1 violations, the first: wrong");
});

test("nothing observed at all is unknown", () => {
  const [check] = mergeChecks([[tally(0)], [tally(0)]]);
  assert.equal(check?.detail, "nothing was observed");
  assert.equal(check.verdict, "unknown");
});
