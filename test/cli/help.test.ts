import assert from "node:assert/strict";
import { test } from "node:test";
import { EXIT } from "../../src/base/user-error.js";
import { Zabench } from "../support/zabench.js";

const zabench = new Zabench(process.cwd());

test("help of a command that is not there names it and those that are, with exit code 2", async () => {
  for (const [args, told] of [
    [["help", "nonsuch"], /^error: zabench has no command 'nonsuch'; there are quickstart, list, show, run, /],
    [["targets", "help", "nonsuch"], /^error: zabench targets has no command 'nonsuch'; there is install\n/],
    [["help", "run", "fast"], /^error: zabench run has no command 'fast'; it has none\n/],
  ] as const) {
    const { code, stdout, stderr } = await zabench.run(...args);
    assert.deepEqual([code, stdout], [EXIT.usage, ""]);
    assert.match(stderr, told);
  }
});

test("help stands before a command, within one, or after its name as an option, and says the same", async () => {
  const { stdout: install } = await zabench.run("targets", "install", "--help");
  assert.match(install, /^Usage: zabench targets install /);
  const { stdout: targets } = await zabench.run("targets", "--help");
  for (const [args, expected] of [
    [["help", "targets", "install"], install],
    [["targets", "help", "install"], install],
    [["targets", "help"], targets],
    [["help", "targets"], targets],
  ] as const) {
    assert.deepEqual(await zabench.run(...args), { code: EXIT.ok, stdout: expected, stderr: "" });
  }
});
