import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT, UserError } from "../../src/base/user-error.js";
import { loadProfile, profileNames } from "../../src/bench/profile/load.js";
import { overrideProfile } from "../../src/bench/profile/overrides.js";
import { parseProfile } from "../../src/bench/profile/parse.js";

/** The problems a profile is refused for, each as `file:line:column: text`. */
function problemsOf(text: string): string[] {
  try {
    parseProfile(text, "p.yaml");
  } catch (error) {
    assert.ok(error instanceof UserError);
    assert.equal(error.kind.exitCode, EXIT.usage);
    return error.message.split("\n  ").slice(1);
  }
  return [];
}

const LEAST = "name: a\nworkload: {kind: mix, operations: {read: 1}}\nconnections: 2\nduration: 1s\n";

test("every profile that comes with zabench is valid and named as its file", () => {
  assert.deepEqual(profileNames(), [
    "barrier",
    "codis-routing",
    "config-push",
    "fifo-queue",
    "group-membership",
    "ha-failover",
    "http-mixed",
    "http-read",
    "http-write",
    "kafka-metadata",
    "leader-election",
    "lock-coarse",
    "lock-exclusive",
    "lock-herd",
    "lock-shared",
    "naming",
    "pub-sub",
    "read-heavy",
    "semaphore",
    "service-registry",
    "session-idle",
    "session-storm",
    "watch-fanout",
    "watch-fanout-10000",
    "watch-many",
    "watch-reconnect",
    "write-heavy",
  ]);
  for (const name of profileNames()) assert.equal(loadProfile(name).profile.name, name);
  assert.deepEqual(loadProfile("read-heavy").profile.workload, { kind: "mix", operations: { read: 90, write: 10 } });
});

test("the least that a profile must say, and what is assumed for the rest", () => {
  const profile = parseProfile(LEAST, "p.yaml");
  assert.deepEqual(profile.loop, { kind: "closed" });
  assert.deepEqual(profile.warmUp, { minMicros: 2_000_000, maxMicros: 20_000_000, steadiness: 0.1 });
  assert.equal(profile.keys, 1_000);
  assert.equal(profile.depth, 1);
  assert.equal(profile.errorsMax, 0);
});

test("an open loop, sizes, shares and thresholds are read with their units", () => {
  const profile = parseProfile(
    `${LEAST}loop: {rate: 5000/s, arrival: poisson}\nvalueBytes: 4KiB\nerrorsMax: 0.5%\nthresholds: {read: ["p(99.9)<5ms"], total: ["rate>=10/s", "errors<1%"]}`,
    "p.yaml",
  );
  assert.deepEqual(profile.loop, { kind: "open", ratePerSecond: 5_000, arrival: "poisson" });
  assert.equal(profile.valueBytes, 4_096);
  assert.equal(profile.errorsMax, 0.005);
  assert.deepEqual(
    profile.thresholds.map(({ metric, comparison, bound }) => [metric, comparison, bound]),
    [
      ["read", "<", 5_000],
      ["total", ">=", 10],
      ["total", "<", 0.01],
    ],
  );
});

test("all problems are told at once, each with its line, column and key", () => {
  const problems = problemsOf(`name: Bad Name
descripton: x
workload:
  kind: mix
  operations:
    reed: 3
    write: 1
connections: many
loop: {rate: 5, arival: constant}
duration: 10
warmUp: {min: 10s, max: 2s}
thresholds:
  write: ["p(99)<5"]
depth: 1.5
keys: 0
`);
  assert.deepEqual(
    problems.map((problem) => /^p\.yaml:(\d+:\d+): (?:key )?'?([\w. ]+)/.exec(problem)?.slice(1)),
    [
      ["1:7", "name"],
      ["2:1", "descripton"],
      ["6:5", "reed"],
      ["8:14", "connections"],
      ["9:17", "arival"],
      ["10:11", "duration"],
      ["11:25", "warmUp.max"],
      ["13:11", "thresholds.write.0"],
      ["14:8", "depth"],
      ["15:7", "keys"],
    ],
  );
  assert.match(problems[1]!, /did you mean 'description'\?/);
  assert.match(problems[2]!, /not known in 'workload.operations'; did you mean 'read'\?/);
  assert.match(problems[5]!, /'10' is not a duration; write a number and a unit/);
});

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ["a key that is missing", "name: a\nconnections: 1\nduration: 1s\n", /1:1: key 'workload'/],
  ["a workload of no known kind", LEAST.replace("mix", "mixed"), /2:18: key 'workload.kind': must be one of mix, /],
  [
    "a lock that nobody watches",
    "name: a\nworkload: {kind: lock, watching: none}\nconnections: 1\nduration: 1s\n",
    /2:34: key 'workload.watching': must be 'predecessor' or 'all'/,
  ],
  [
    "a semaphore without leases",
    "name: a\nworkload: {kind: semaphore}\nconnections: 1\nduration: 1s\n",
    /2:11: key 'workload.leases': is missing; it takes a number/,
  ],
  [
    "a coarse lock with a key misspelt",
    "name: a\nworkload: {kind: coarse-lock, lockdelay: 1s}\nconnections: 1\nduration: 1s\n",
    /2:31: key 'lockdelay' is not known in 'workload'; did you mean 'lockDelay'/,
  ],
  ["a weight below 0", LEAST.replace("read: 1", "read: -1"), /2:42: .*must be at least 0/],
  ["weights that are all 0", LEAST.replace("read: 1", "read: 0"), /at least one operation needs a weight above 0/],
  ["a loop of no known kind", `${LEAST}loop: open\n`, /5:7: key 'loop': must be 'closed' or a rate/],
  ["a rate of 0", `${LEAST}loop: {rate: 0/s}\n`, /5:14: key 'loop.rate': '0\/s' is not a rate/],
  [
    "a rate beyond any client's",
    `${LEAST}loop: {rate: 10000001/s}\n`,
    /'10000001\/s' is not a rate; .* at most 10000000/,
  ],
  [
    "an open loop of locks",
    "name: a\nworkload: {kind: lock}\nloop: {rate: 4/s}\nconnections: 1\nduration: 1s\n",
    /3:7: .*closed loop/,
  ],
  [
    "a depth of watchers",
    "name: a\nworkload: {kind: watch-fanout}\ndepth: 2\nconnections: 1\nduration: 1s\n",
    /3:8: .*must be 1/,
  ],
  [
    "a threshold on what is not measured",
    `${LEAST}thresholds:\n  write: ["rate>1"]\n`,
    /6:10: .*measures no 'write'; it measures read, total/,
  ],
  [
    "a threshold without its unit",
    `${LEAST}thresholds:\n  read: ["errors<1"]\n`,
    /6:10: .*'errors<1' is not a threshold/,
  ],
  ["a session timeout out of bounds", `${LEAST}sessionTimeout: 1ms\n`, /5:17: .*from 1s to 1h/],
  ["a key said twice", `${LEAST}name: b\n`, /5:1: Map keys must be unique/],
  ["no YAML", "a: b: c\n x", /1:4: /],
  ["a list", "- a\n", /1:1: a mapping of keys to values is expected/],
  ["nothing", "", /1:1: a mapping of keys to values is expected/],
];

for (const [what, text, expected] of REFUSED) {
  test(`refused: ${what}`, () => {
    const problems = problemsOf(text);
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      problems.join("\n"),
    );
  });
}

test("options stand over the profile and are recorded", () => {
  const loaded = overrideProfile(loadProfile("read-heavy"), {
    duration: "2s",
    rate: "100/s",
    rounds: "1",
    warmUp: "1s",
  });
  assert.equal(loaded.profile.durationMicros, 2_000_000);
  assert.deepEqual(loaded.profile.loop, { kind: "open", ratePerSecond: 100, arrival: "constant" });
  assert.deepEqual(loaded.profile.warmUp, { minMicros: 1_000_000, maxMicros: 1_000_000, steadiness: 0.1 });
  assert.deepEqual(loaded.overrides, { duration: "2s", rate: "100/s", rounds: "1", warmUp: "1s" });
});

test("a bad option is named", () => {
  const refuse = (options: Parameters<typeof overrideProfile>[1], profile = "read-heavy"): string => {
    try {
      overrideProfile(loadProfile(profile), options);
    } catch (error) {
      assert.ok(error instanceof UserError);
      return error.message;
    }
    return "";
  };
  assert.match(refuse({ duration: "10" }), /^--duration: '10' is not a duration/);
  assert.match(refuse({ rate: "fast" }), /^--rate: 'fast' is not a rate/);
  assert.match(refuse({ rate: `${"9".repeat(20)}/s` }), /^--rate: '9+\/s' is not a rate/);
  assert.match(refuse({ connections: "0" }), /^--connections: '0' is not a whole number from 1 to/);
  assert.match(refuse({ rate: "5/s" }, "lock-exclusive"), /^--rate: a lock workload is a closed loop/);
});

test("a profile that is not there is named, with those that are", () => {
  assert.throws(() => loadProfile("nothing-such"), /there is no profile 'nothing-such'.*lock-exclusive, .*read-heavy/);
});
