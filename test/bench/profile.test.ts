import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT, UserError } from "../../src/base/user-error.js";
import { loadProfile, profileNames } from "../../src/bench/profile/load.js";
import { overrideProfile } from "../../src/bench/profile/overrides.js";
import { parseProfile } from "../../src/bench/profile/parse.js";
import type { Profile } from "../../src/bench/profile/profile.js";
import { kindOf } from "../../src/bench/workloads/registry.js";

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
    "create-delete",
    "deep-tree",
    "fifo-queue",
    "group-membership",
    "ha-failover",
    "http-mixed",
    "http-read",
    "http-write",
    "kafka-metadata",
    "large-values",
    "leader-election",
    "lock-coarse",
    "lock-exclusive",
    "lock-herd",
    "lock-shared",
    "multi",
    "naming",
    "pub-sub",
    "read-heavy",
    "read-heavy-99",
    "replica-scaling",
    "semaphore",
    "service-registry",
    "session-idle",
    "session-storm",
    "sync-read",
    "watch-fanout",
    "watch-fanout-10000",
    "watch-many",
    "watch-reconnect",
    "wide-children",
    "write-heavy",
  ]);
  for (const name of profileNames()) assert.equal(loadProfile(name).profile.name, name);
  assert.deepEqual(loadProfile("read-heavy").profile.workload, {
    kind: "mix",
    operations: { read: 90, write: 10 },
    tree: { depth: 0, fanOut: 1 },
    createKind: "persistent",
    multiWrites: 10,
  });
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
    `${LEAST}loop: {rate: 5000/s, arrival: poisson}\nvalueBytes: 4KiB\nerrorsMax: 0.5%\nthresholds: {read: ["p(99.9)<5ms"], total: ["rate>=10/s", "errors<0.4%"]}`,
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
      ["total", "<", 0.004],
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
  ["a key said twice", `${LEAST}name: b\n`, /5:1: key 'name' is given more than once; keep one of them$/],
  [
    "a key said twice within",
    `${LEAST}warmUp: {min: 1s, "max": 2s, max: 3s}\n`,
    /5:30: key 'max' is given more than once; keep one of them$/,
  ],
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

test("the forms that a load, its keys and its values may have", () => {
  const read = (more: string): Profile => parseProfile(`${LEAST.replace("1s", "10s")}${more}`, "p.yaml");
  assert.deepEqual(read("loop: {steps: [{rate: 10/s, for: 2s}, {rate: 20/s, for: 1s}], arrival: poisson}").loop, {
    kind: "open",
    arrival: "poisson",
    ratePerSecond: 10,
    pieces: [
      { fromPerSecond: 10, toPerSecond: 10, durationMicros: 2e6 },
      { fromPerSecond: 20, toPerSecond: 20, durationMicros: 1e6 },
    ],
  });
  assert.deepEqual(read("loop: {from: 10/s, to: 50/s, over: 4s}").loop, {
    kind: "open",
    arrival: "constant",
    ratePerSecond: 10,
    pieces: [{ fromPerSecond: 10, toPerSecond: 50, durationMicros: 4e6 }],
  });
  assert.deepEqual(read("").distribution, { kind: "uniform" });
  assert.deepEqual(read("distribution: sequential").distribution, { kind: "sequential" });
  assert.deepEqual(read("distribution: zipfian").distribution, { kind: "zipfian", exponent: 0.99 });
  assert.deepEqual(read("distribution: {kind: zipfian, exponent: 2}").distribution, { kind: "zipfian", exponent: 2 });
  assert.deepEqual(read("distribution: {kind: hotSet, keys: 10%, operations: 90%}").distribution, {
    kind: "hotSet",
    keyShare: 0.1,
    operationShare: 0.9,
  });
  const sizes = read("valueBytes: {kind: weighted, sizes: [{bytes: 100, weight: 3}, {bytes: 1KiB, weight: 1}]}");
  assert.equal(sizes.valueBytes, 1_024, "of the largest");
  assert.equal(read("valueBytes: {kind: lognormal, median: 1KiB, sigma: 1, max: 64KiB}").valueBytes, 65_536);
  assert.deepEqual(read("valueBytes: {kind: uniform, min: 5, max: 9}").valueSizes, {
    kind: "uniform",
    minBytes: 5,
    maxBytes: 9,
  });
});

/** One mistake each, and the one problem it makes. */
const MISTAKES: readonly (readonly [string, RegExp])[] = [
  [
    `${LEAST}loop: {rate: 800/s, steps: []}\n`,
    /^p.yaml:5:21: key 'steps' does not go with the rest of 'loop'; rate, steps and from\/to\/over exclude each other/,
  ],
  [
    `${LEAST}loop: {rate: 5/s, from: 1/s, to: 2/s}\n`,
    /^p.yaml:5:19: keys 'from', 'to' do not go with the rest of 'loop'; rate, steps and/,
  ],
  [
    `${LEAST}distribution: {kind: zipfian, keys: 1%}\n`,
    /'keys' does not go with the rest of 'distribution'; zipfian takes exponent; hotSet takes keys, operations$/,
  ],
  [
    `${LEAST}valueBytes: {kind: uniform, min: 1, max: 2, median: 4}\n`,
    /'median' does not go with the rest of 'valueBytes'; uniform takes min, max; weighted takes sizes; lognormal takes/,
  ],
  [
    `${LEAST}variants: {connections: 4}\n`,
    /5:25: key 'variants.connections': must be a list of values, such as .*, or a mapping of names to values/,
  ],
  [`${LEAST}variants: {connections: [[1]]}\n`, /'variants.connections.0': must be text, a number, true or false/],
  [`${LEAST}variants: [1]\n`, /5:11: key 'variants': must be a mapping$/],
  [LEAST.replace("read: 1", "reed: 10"), /^p.yaml:2:36: key 'reed' is not known in .*; did you mean 'read'\?$/],
  [LEAST.replace("mix", "http").replace("read: 1", "reed: 1"), /: key 'reed' is not known .* mean 'read'\?$/],
  [LEAST.replace("connections", "connection"), /3:1: key 'connection' is not known; did you mean 'connections'\?$/],
];

for (const [text, expected] of MISTAKES) {
  test(`one mistake is one problem: ${text.split("\n").slice(1).join(", ")}`, () => {
    const problems = problemsOf(text);
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(problems[0]!, expected);
  });
}

test("a key that is missing is told of beside an unknown one that is not meant to be it", () => {
  const problems = problemsOf(LEAST.replace("connections: 2", "watermelon: 2"));
  assert.deepEqual(
    problems.map((problem) => /key '(\w+)'(?:: is missing| is not known)/.exec(problem)?.[1]),
    ["connections", "watermelon"],
  );
});

const MORE_REFUSED: readonly (readonly [string, RegExp])[] = [
  ["loop: {steps: [{rate: 5/s, fr: 1s}]}", /5:28: key 'fr' is not known in 'loop.steps.0'; did you mean 'for'\?/],
  ["loop: {from: 5/s, to: 9/s}", /key 'loop.over': is missing/],
  ["loop: {rat: 5/s}", /5:8: key 'rat' is not known in 'loop'; did you mean 'rate'\?/],
  ["distribution: zipf", /5:15: key 'distribution': must be 'uniform', 'sequential', 'zipfian' or a mapping/],
  ["distribution: {kind: zipf}", /5:22: key 'distribution.kind': must be 'uniform', /],
  ["distribution: {kind: hotSet, keys: 10%}", /key 'distribution.operations': is missing/],
  ["valueBytes: {kind: uniform, min: 9, max: 5}", /5:42: key 'valueBytes.max': must not be less than min/],
  ["valueBytes: 2MB", /5:13: key 'valueBytes': must be at most 1000000 bytes/],
  [
    "valueBytes: {kind: lognormal, median: 1, sigma: 1, min: 2, max: 9}",
    /5:39: .*'valueBytes.median': must be from min/,
  ],
  ["valueBytes: {kind: lognormal, median: 10, sigma: 1, max: 9}", /'valueBytes.median': .* min to max, 0 to 9 bytes/],
  ["distribution: {kind: hotSet, keys: 0%, operations: 9%}", /5:36: key 'distribution.keys': must be more than 0%/],
  ["servers: 10", /5:10: key 'servers': must be at most 9/],
  ["variants: {servers: [1, 30]}", /5:12: with servers 30: key 'servers': must be at most 9/],
  ["variants: {rounds: [1, 2]}", /5:20: key 'variants.rounds': cannot be varied/],
  ["variants: {keys: [1, 1]}", /key 'variants.keys': names a value twice/],
  ["variants: {keys: []}", /^[^\n]*key 'variants.keys': needs at least one value$/],
  ["variants: {keyz: [1, 2]}", /5:12: with keyz 1: key 'keyz' is not known; did you mean 'keys'\?/],
  ["variants: {keys: {'a b': 1}}", /'a b' names a target's variant: use letters/],
];

for (const [more, expected] of MORE_REFUSED) {
  test(`refused: ${more}`, () => {
    const problems = problemsOf(`${LEAST}${more}\n`);
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      problems.join("\n"),
    );
  });
}

const OPERATIONS_REFUSED: readonly (readonly [string, RegExp])[] = [
  ["operations: {delete: 1}", /2:44: key 'workload.operations.delete': needs a weight of 'create' beside it/],
  ["operations: {multi: 1}, multiWrites: 5000", /key 'workload.multiWrites': must be at most 128/],
  ["operations: {multi: 1}, multiWrites: 100", /key 'workload.multiWrites': must be at most the number of keys, 50/],
  [
    "operations: {read: 1}, tree: {depth: 9, fanOut: 10}",
    /2:\d+: key 'workload.tree.depth': .* at most 100000 folders/,
  ],
  ["operations: {read: 1}, createKind: ephemral", /key 'workload.createKind': must be 'persistent' or 'ephemeral' or/],
];

for (const [workload, expected] of OPERATIONS_REFUSED) {
  test(`refused: a mix of ${workload}`, () => {
    const problems = problemsOf(
      `name: a\nworkload: {kind: mix, ${workload}}\nconnections: 2\nduration: 1s\nkeys: 50\n`,
    );
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      problems.join("\n"),
    );
  });
}

test("what a mix can be run on follows from what it does", () => {
  const targetsOf = (workload: string): readonly string[] => {
    const { workload: parsed } = parseProfile(LEAST.replace("operations: {read: 1}", workload), "p.yaml");
    return kindOf(parsed).targets(parsed);
  };
  assert.deepEqual(targetsOf("operations: {create: 1, delete: 1, multi: 1, children: 1}"), [
    "core",
    "zookeeper",
    "etcd",
  ]);
  assert.deepEqual(targetsOf("operations: {sync: 1}"), ["core", "zookeeper"]);
  assert.deepEqual(targetsOf("operations: {create: 1}, createKind: ephemeral"), ["core", "zookeeper"]);
  assert.deepEqual(targetsOf("operations: {read: 1}, createKind: ephemeral"), ["core", "zookeeper", "etcd"]);
  assert.deepEqual(targetsOf("operations: {read: 1}, tree: {depth: 2, fanOut: 3}"), ["core", "zookeeper"]);
});

test("--set stands over any value, the later over the earlier, and is recorded by its path", () => {
  const { profile, overrides } = loadProfile("read-heavy", [
    "workload.operations.read=99",
    "keys=5",
    "keys=100000",
    "loop.rate=5000/s",
    "distribution={kind: zipfian, exponent: 1.2}",
    "thresholds.read=['p(99)<5ms']",
    "thresholds.write.0=p(50)<9ms",
  ]);
  assert.deepEqual(profile.workload.kind === "mix" && profile.workload.operations, { read: 99, write: 10 });
  assert.equal(profile.keys, 100_000);
  assert.deepEqual(profile.loop, { kind: "open", ratePerSecond: 5_000, arrival: "constant" });
  assert.deepEqual(profile.distribution, { kind: "zipfian", exponent: 1.2 });
  assert.deepEqual(
    profile.thresholds.map(({ metric, expression }) => `${metric} ${expression}`),
    ["read p(99)<5ms", "write p(50)<9ms"],
  );
  assert.deepEqual(overrides, {
    "workload.operations.read": "99",
    keys: "100000",
    "loop.rate": "5000/s",
    distribution: "{kind: zipfian, exponent: 1.2}",
    "thresholds.read": "['p(99)<5ms']",
    "thresholds.write.0": "p(50)<9ms",
  });
});

test("a --set that is wrong is named, with what was meant", () => {
  const refuse = (settings: readonly string[], options: Parameters<typeof overrideProfile>[1] = {}): string => {
    try {
      overrideProfile(loadProfile("replica-scaling", settings), options);
    } catch (error) {
      assert.ok(error instanceof UserError);
      assert.equal(error.kind.exitCode, EXIT.usage);
      return error.message;
    }
    return "";
  };
  assert.match(refuse(["keys"]), /^--set keys is no path and value/);
  assert.match(refuse(["keys="]), /^--set keys= is no path and value/);
  assert.match(refuse(["=5"]), /is no path and value/);
  assert.match(refuse(["keys={"]), /is no path and value/);
  assert.match(refuse(["connections=0"]), /right:\n.*key 'connections': must be at least 1$/);
  assert.match(refuse(["keys=0"]), /\n {2}--set keys=0: key 'keys': must be at least 1/);
  assert.match(refuse(["keyz=5"]), /\n {2}--set keyz=5: key 'keyz' is not known; did you mean 'keys'\?/);
  assert.match(
    refuse(["workload.operations.raed=5"]),
    /--set workload.operations.raed=5: key 'raed' is not known in 'workload.operations'; did you mean 'read'\?/,
  );
  assert.match(refuse(["loop.rate=fast"]), /--set loop.rate=fast: key 'loop.rate': 'fast' is not a rate/);
  assert.match(refuse(["connections=5"], { connections: "6" }), /--connections is given by --set connections too/);
  assert.match(refuse(["loop.rate=5/s"], { rate: "6/s" }), /--rate is given by --set loop.rate too/);
  assert.match(
    refuse(["variants.depth=[1, 2]"], { depth: "6" }),
    /--depth is given by the profile's variants of 'depth'/,
  );
  assert.equal(refuse(["connections=5"], { duration: "1s" }), "");
});

test("options and --set reach every variant", () => {
  const { profile } = overrideProfile(loadProfile("replica-scaling", ["keys=7", "variants.servers=[1, 5]"]), {
    duration: "1s",
  });
  assert.deepEqual(
    profile.variants.map((variant) => variant.label),
    ["1-read-100", "1-read-90", "1-read-0", "5-read-100", "5-read-90", "5-read-0"],
  );
  for (const variant of profile.variants) {
    assert.equal(variant.profile.keys, 7);
    assert.equal(variant.profile.durationMicros, 1e6);
    assert.equal(String(variant.profile.servers), variant.values["servers"]);
    assert.deepEqual(variant.profile.variants, []);
  }
});

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
