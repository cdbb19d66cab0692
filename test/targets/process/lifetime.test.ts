import { test } from "node:test";
import { checkNothingRemains, type End } from "../support/hold.js";

const ENDS: readonly (readonly [string, End])[] = [
  ["is killed with SIGKILL", "SIGKILL"],
  ["is ended by SIGTERM", "SIGTERM"],
  ["is ended by Ctrl-C that nobody handles", "SIGINT"],
  ["stops its servers on Ctrl-C", "interrupt"],
  ["calls process.exit", "exit"],
  ["dies of an exception", "throw"],
];

for (const [how, end] of ENDS) {
  test(`no server and no scratch folder remains when their process ${how}`, async () => {
    await checkNothingRemains("fake", 2, end);
  });
}
