import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { USER_ERRORS, UserError } from "../../../src/base/user-error.js";
import { aptInstall } from "../../../src/targets/install/apt.js";
import { FakeMachine } from "../support/fake-programs.js";

const PREFIX = "-o DPkg::Lock::Timeout=300";

let machine: FakeMachine;
let policy: string;

beforeEach(async () => {
  machine = await FakeMachine.create({ root: true });
  policy = join(machine.folder, "policy-rc.d");
});

afterEach(async () => {
  await machine.remove();
});

test("packages are installed without questions, recommendations or services", async () => {
  await machine.program("apt-get", `echo "$DEBIAN_FRONTEND"; sh '${policy}'; echo $? > '${policy}.answer'`);
  await aptInstall(machine.context, ["etcd-server", "strace"], policy);
  assert.deepEqual(await machine.calls("apt-get"), [`${PREFIX} install -y --no-install-recommends etcd-server strace`]);
  assert.equal(await readFile(`${policy}.answer`, "utf8"), "101\n", "services were forbidden meanwhile");
  assert.equal(existsSync(policy), false, "and are allowed again");
});

test("the lists are updated where a package is not found, and only then", async () => {
  const lists = join(machine.folder, "lists");
  await machine.program("apt-get", `case "$*" in *update) touch '${lists}';; *) test -e '${lists}';; esac`);
  await aptInstall(machine.context, ["maven"], policy);
  const install = `${PREFIX} install -y --no-install-recommends maven`;
  assert.deepEqual(await machine.calls("apt-get"), [install, `${PREFIX} update`, install]);
});

test("a failure shows the last lines and leaves no policy", async () => {
  await machine.program("apt-get", 'echo "E: Unable to locate package maven"; exit 100');
  await assert.rejects(aptInstall(machine.context, ["maven"], policy), (error) => {
    assert.ok(error instanceof UserError && error.kind === USER_ERRORS.commandFailed);
    assert.match(error.message, /exit code 100/);
    assert.match(error.message, /Unable to locate package maven/);
    return true;
  });
  assert.equal(existsSync(policy), false);
});

test("a policy of the machine's own stays", async () => {
  await machine.program("apt-get");
  await machine.file("policy-rc.d", "theirs");
  await aptInstall(machine.context, ["strace"], policy);
  assert.equal(await readFile(policy, "utf8"), "theirs");
});

test("without root, or without apt-get, the command to give is named and nothing is run", async () => {
  const user = await FakeMachine.create({ root: false });
  await user.program("apt-get");
  await assert.rejects(aptInstall(user.context, ["strace"], policy), /needs root.*sudo apt-get install strace/);
  assert.deepEqual(await user.calls("apt-get"), []);
  await user.remove();
  await assert.rejects(aptInstall(machine.context, ["strace"], policy), /there is no apt-get/);
});
