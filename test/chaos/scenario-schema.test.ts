import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UserError } from "../../src/base/user-error.js";
import { loadScenario, scenarioNames } from "../../src/chaos/scenario/load.js";
import { parseScenario } from "../../src/chaos/scenario/schema.js";

const GOOD = `name: x
description: y
clients: 2
servers: 3
duration: 10s
timeline:
  - at: 2s
    action: kill
  - at: 4s
    action: restart
`;

function refused(text: string, ...messages: RegExp[]): void {
  assert.throws(
    () => parseScenario(text, "s.yaml"),
    (error: unknown) =>
      error instanceof UserError &&
      error.kind.exitCode === 2 &&
      messages.every((message) => message.test(error.message)),
  );
}

describe("scenarios", () => {
  it("that come with zabench are valid", () => {
    assert.deepEqual(scenarioNames(), ["latency-link", "leader-kill", "leader-pause"]);
    for (const name of scenarioNames()) assert.equal(loadScenario(name).scenario.name, name);
  });

  it("have defaults, and units of their own", () => {
    const scenario = parseScenario(GOOD, "s.yaml");
    assert.equal(scenario.rounds, 1);
    assert.equal(scenario.valueBytes, 100);
    assert.equal(scenario.sessionTimeoutMs, 10_000);
    assert.deepEqual(scenario.timeline[0], {
      atMicros: 2e6,
      action: "kill",
      member: "leader",
      latencyMs: 0,
      jitterMs: 0,
    });
    assert.equal(scenario.outageMaxMicros, undefined);
  });

  it("are refused with the file, line and key of everything that is wrong", () => {
    refused(
      GOOD.replace("clients: 2", "client: 2"),
      /s\.yaml:3:1: key 'client' is not known; did you mean 'clients'\?/,
      /clients/,
    );
    refused(
      GOOD.replace("action: kill", "action: explode"),
      /s\.yaml:8:\d+: key 'timeline\.0\.action': must be 'kill'/,
    );
    refused(GOOD.replace("at: 2s", "at: 2"), /s\.yaml:7:.*'2' is not a duration/);
    refused(GOOD.replace("at: 4s", "at: 1s"), /s\.yaml:9:.*must not be before the step above it/);
    refused(GOOD.replace("at: 4s", "at: 40s"), /s\.yaml:9:.*must be before the end of the round/);
    refused(GOOD.replace("at: 2s", "at: 1ms"), /s\.yaml:7:.*must leave a second/);
    refused(GOOD.replace("action: kill", "action: latency"), /needs a latency/);
    refused(GOOD.replace("action: kill", "action: kill\n    latency: 5ms"), /belongs to the action latency only/);
    refused(
      GOOD.replace("action: kill", "action: kill\n    membr: all"),
      /s\.yaml:9:5: key 'membr' is not known in 'timeline\.0'; did you mean 'member'/,
    );
    refused("- a\n", /a mapping of keys to values is expected/);
  });

  it("that are not there are named with those that are", () => {
    assert.throws(() => loadScenario("no-such"), /there is no scenario 'no-such'.*latency-link, leader-kill/);
  });
});
