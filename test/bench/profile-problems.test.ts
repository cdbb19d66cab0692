import assert from "node:assert/strict";
import { test } from "node:test";
import { overrideProfile } from "../../src/bench/profile/overrides.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import { roundTooShortFor } from "../../src/bench/profile/problems.js";
import type { LoadedProfile } from "../../src/bench/profile/profile.js";
import { parseSetting } from "../../src/bench/profile/settings.js";
import { runProfile } from "../../src/bench/run-profile.js";
import { fakeMemory, fakeParticipant } from "../support/fake-driver.js";

function profileText(workload: string, rest = ""): string {
  return `name: a\nworkload: {kind: ${workload}}\nconnections: 8\nduration: 10s\nkeys: 50\n${rest}`;
}

/** One that is refused, what it is refused for, and the same within bounds. */
const REFUSED: readonly (readonly [string, RegExp, string])[] = [
  [
    "barrier, inside: 10s",
    /2:\d+: key 'workload.inside': 10.*must be shorter than a round of 10/,
    "barrier, inside: 9s",
  ],
  ["lock, hold: 1m", /key 'workload.hold': 60.*shorter than a round/, "lock, hold: 1s"],
  ["shared-lock, hold: 10s", /'workload.hold'/, "shared-lock, hold: 9s"],
  ["semaphore, leases: 1, hold: 10s", /'workload.hold'/, "semaphore, leases: 1, hold: 1s"],
  ["coarse-lock, lockDelay: 10s, lost: 1%", /'workload.lockDelay'/, "coarse-lock, lockDelay: 10s"],
  ["coarse-lock, lockDelay: 1s, verifyEvery: 1m", /'workload.verifyEvery'/, "coarse-lock, lockDelay: 1s"],
  ["codis-routing, away: 10s", /'workload.away'/, "codis-routing, away: 9s"],
  ["group-membership, away: 10s", /'workload.away'/, "group-membership, away: 9s"],
  ["service-registry, reportInterval: 10s", /'workload.reportInterval'/, "service-registry, reportInterval: 9s"],
  ["ha-failover, active: 10s", /'workload.active'/, "ha-failover, active: 9s"],
  ["kafka-metadata, isrInterval: 10s", /'workload.isrInterval'/, "kafka-metadata, isrInterval: 9s"],
  ["kafka-metadata, groups: 6", /'workload.groups': must be at most 5/, "kafka-metadata, groups: 5"],
  ["leader-election, lead: 10s", /'workload.lead'/, "leader-election, lead: 9s"],
  [
    "leader-election, lost: 70%, cut: 40%",
    /2:\d+: key 'workload.lost': must be at most 100% together with cut/,
    "leader-election, lost: 60%, cut: 40%",
  ],
  ["session-idle, probeInterval: 10s", /'workload.probeInterval'/, "session-idle, probeInterval: 9s"],
  ["session-storm, timeout: 30s", /'workload.timeout': no session would expire/, "session-storm, timeout: 10s"],
  [
    "watch-reconnect, watchesPerConnection: 5, away: 9s, changes: 5}\nsessionTimeout: 9s\nvariants: {",
    /'workload.away': must be shorter than sessionTimeout/,
    "watch-reconnect, watchesPerConnection: 5, changes: 5, away: 8s",
  ],
  [
    "watch-reconnect, watchesPerConnection: 51, changes: 5",
    /'workload.watchesPerConnection': must be at most the number of keys, 50/,
    "watch-reconnect, watchesPerConnection: 50, changes: 5",
  ],
  [
    "watch-many, watchesPerConnection: 5, changers: 51",
    /'workload.changers': must be at most the number of keys/,
    "watch-many, watchesPerConnection: 5, changers: 50",
  ],
  [
    "pub-sub, topics: 9, publishers: 9",
    /'workload.topics': must be at most 8, the number of subs/,
    "pub-sub, topics: 4",
  ],
  [
    "pub-sub, topics: 4, publishers: 3",
    /'workload.topics': must be at most 3, the number of pub/,
    "pub-sub, topics: 3",
  ],
];

for (const [refused, told, accepted] of REFUSED) {
  test(`refused: ${refused.replaceAll("\n", ", ")}`, () => {
    assert.throws(() => parseProfile(profileText(refused), "a.yaml"), { message: told });
    assert.doesNotThrow(() => parseProfile(profileText(accepted), "a.yaml"));
  });
}

const STEPS = "loop: {steps: [{rate: 10/s, for: 6s}, {rate: 20/s, for: 5s}]}\n";
const RAMP = "loop: {from: 10/s, to: 20/s, over: 11s}\n";
const READS = "mix, operations: {read: 1}";

test("a schedule that is longer than a round is refused, a shorter one holds its last rate", () => {
  for (const loop of [STEPS, RAMP]) {
    const told = /6:\d+: key 'loop': the schedule takes 11.*a round of 10.*cut it off; lengthen duration, or shorten/;
    assert.throws(() => parseProfile(profileText(READS, loop), "a.yaml"), { message: told });
    assert.doesNotThrow(() =>
      parseProfile(profileText(READS, loop).replace("duration: 10s", "duration: 11s"), "a.yaml"),
    );
    assert.doesNotThrow(() =>
      parseProfile(profileText(READS, loop).replace("duration: 10s", "duration: 1m"), "a.yaml"),
    );
  }
});

test("a variant's own round counts as the profile's own", () => {
  const text = profileText("barrier, inside: 9s", "variants: {duration: [20s, 8s]}\n");
  assert.throws(() => parseProfile(text, "a.yaml"), {
    message: /key 'workload.inside': 9.00 s must be shorter than a round of 8.00 s/,
  });
});

test("a round that an option shortened is no error but told of, whichever option it was", () => {
  const text = profileText("barrier, inside: 9s");
  const profile = parseProfile(text, "a.yaml");
  assert.deepEqual(roundTooShortFor(profile), []);
  const loaded: LoadedProfile = { profile, text, file: "a.yaml", overrides: {} };
  const optioned = overrideProfile(loaded, { duration: "300ms" }).profile;
  const set = parseProfile(text, "a.yaml", [parseSetting("duration=300ms")]);
  for (const shortened of [optioned, set]) {
    assert.match(roundTooShortFor(shortened).join(), /^workload.inside: .* must be shorter than a round of 300/);
  }
  assert.throws(() => parseProfile(text, "a.yaml", [parseSetting("workload.inside=11s")]), { message: /--set/ });
});

test("an option that makes a profile impossible otherwise is refused", () => {
  const text = profileText("pub-sub, topics: 4");
  const loaded: LoadedProfile = { profile: parseProfile(text, "a.yaml"), text, file: "a.yaml", overrides: {} };
  assert.throws(() => overrideProfile(loaded, { connections: "3" }), { message: /topics: must be at most 3/ });
});

test("the result of a round that an option shortened says once what it was too short for", async () => {
  const text = profileText(READS, `${STEPS}warmUp: {min: 0s, max: 0s}\nrounds: 1\n`).replace("10s", "20s");
  const profile = parseProfile(text, "a.yaml", [parseSetting("duration=200ms")]);
  const memory = fakeMemory();
  const result = await runProfile({
    profile: { profile, text, file: "a.yaml", overrides: { duration: "200ms" } },
    participants: [fakeParticipant("first", { memory }), fakeParticipant("second", { memory })],
    workers: 1,
  });
  const [warning, ...others] = result.warnings.filter(({ code }) => code === "short-round");
  assert.match(warning?.message ?? "", /^loop: the schedule takes 11.*a round of 200.* would cut it off/);
  assert.deepEqual([warning?.target, others.length], [null, 0]);
});
