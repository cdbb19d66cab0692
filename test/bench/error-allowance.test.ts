import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";

function profileText(rest: string): string {
  return `
name: a
workload: {kind: mix, operations: {read: 1, write: 1}}
connections: 4
duration: 400ms
rounds: 1
warmUp: {min: 0s, max: 0s}
${rest}
`;
}

const ALLOWED: readonly (readonly [string, number, number | null])[] = [
  ["", 0, null],
  ["errorsMax: 2%", 0.02, null],
  ['thresholds: {total: ["errors<5%"]}', 0.05, null],
  ['thresholds: {total: ["errors<5%", "errors<=1%"], read: ["errors<9%"]}', 0.01, null],
  ['thresholds: {read: ["errors<5%"]}', 0.05, 0],
  ['errorsMax: 2%\nthresholds: {read: ["errors<5%"], total: ["errors<1%"]}', 0.02, null],
];

for (const [text, errorsMax, othersErrorsMax] of ALLOWED) {
  test(`what may fail: ${text || "nothing is said of it"}`, () => {
    const profile = parseProfile(profileText(text), "a.yaml");
    assert.deepEqual([profile.errorsMax, profile.othersErrorsMax], [errorsMax, othersErrorsMax]);
  });
}

const CONTRADICTIONS: readonly (readonly [string, RegExp])[] = [
  [
    'errorsMax: 1%\nthresholds: {total: ["errors<5%"]}',
    /9:\d+: key 'thresholds.total': 'errors<5%' has no effect beside errorsMax of 1%/,
  ],
  ['errorsMax: 0%\nthresholds: {read: ["errors<5%"]}', /key 'thresholds.read': 'errors<5%' has no effect/],
  ['thresholds: {total: ["errors>1%"]}', /'errors>1%' cannot hold beside errorsMax; state an errorsMax above it/],
];

for (const [text, told] of CONTRADICTIONS) {
  test(`refused: ${text.replace("\n", ", ")}`, () => {
    assert.throws(() => parseProfile(profileText(text), "a.yaml"), { message: told });
  });
}

/** A third of the operations fail. */
async function judged(text: string): Promise<Record<string, boolean>> {
  const full = profileText(text);
  const result = await runProfile({
    profile: { profile: parseProfile(full, "a.yaml"), text: full, file: "a.yaml", overrides: {} },
    participants: [fakeParticipant("fake", { memory: fakeMemory(), failEvery: 3 })],
    workers: 1,
  });
  return Object.fromEntries(
    result.thresholds.map(({ metric, expression, passed }) => [`${metric} ${expression}`, passed]),
  );
}

test("a run with the errors that a threshold allows goes to its end and passes", async () => {
  assert.deepEqual(await judged('thresholds: {total: ["errors<50%"]}'), {
    "total errors<50%": true,
    "total errors<=50%": true,
  });
});

test("a threshold over one operation's errors allows nothing to the others", async () => {
  assert.deepEqual(await judged('thresholds: {read: ["errors<50%"]}'), {
    "read errors<50%": true,
    "total errors<=50%": true,
    "others errors<=0%": false,
  });
});
