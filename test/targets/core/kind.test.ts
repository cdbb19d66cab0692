import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { USER_ERRORS, UserError } from "../../../src/base/user-error.js";
import { connect } from "../../../src/client/client.js";
import { formatAddress } from "../../../src/targets/address.js";
import { core } from "../../../src/targets/core/kind.js";
import type { StartOptions } from "../../../src/targets/target.js";
import { checkNothingRemains } from "../support/hold.js";

async function refusal(options: StartOptions): Promise<UserError> {
  try {
    await (await core.start(options)).stop();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("it was started");
}

test("the core is found in this package, and serves what it has stored before a kill", async () => {
  const [found] = await core.find();
  const ensemble = await core.start({ servers: 1, configuration: { tickTime: "500" } });
  try {
    assert.equal(ensemble.version, found!.version);
    assert.equal(ensemble.flags["tickTime"], "500");
    const member = ensemble.members[0]!;
    assert.equal(await ensemble.leader(), member);
    const servers = formatAddress(member.client);
    const before = await member.usage();
    const writer = await connect({ servers });
    for (let index = 0; index < 10; index++) await writer.create(`/key${index}`, Buffer.from(`value${index}`));
    await writer.close();
    const after = await member.usage();
    if (process.platform === "linux") {
      assert.ok(after!.syncs! - before!.syncs! >= 10, `${after!.syncs! - before!.syncs!} syncs for 10 writes`);
      assert.ok(after!.writtenBytes > before!.writtenBytes);
    }
    await member.kill();
    assert.equal(await member.role(), "unreachable");
    await member.restart();
    const reader = await connect({ servers });
    assert.equal((await reader.getData("/key9")).data?.toString(), "value9");
    await reader.close();
    const attached = await core.attach([member.client]);
    assert.equal(await attached.members[0]!.role(), "standalone");
    await assert.rejects(attached.members[0]!.kill(), /attached/);
    await attached.stop();
    assert.equal(await member.role(), "standalone", "what is attached is not stopped");
  } finally {
    await ensemble.stop();
  }
  assert.equal(existsSync(ensemble.folder!), false);
});

test("nothing of the core remains when its process is killed with SIGKILL", async () => {
  await checkNothingRemains("core", 1, "SIGKILL");
});

test("what cannot be started, configured or reached is the user's to know", async () => {
  for (const key of ["dataDir", "clientPort", "server.1", "forceSync"]) {
    const owned = await refusal({ servers: 1, configuration: { [key]: "x" } });
    assert.equal(owned.kind, USER_ERRORS.ownedConfiguration, key);
    assert.ok(owned.message.includes(`'${key}'`));
  }
  await assert.rejects(core.attach([{ host: "127.0.0.1", port: 1 }]), (error) => {
    assert.ok(error instanceof UserError && error.kind === USER_ERRORS.attachFailed);
    assert.match(error.message, /127\.0\.0\.1:1;/);
    return true;
  });
});
