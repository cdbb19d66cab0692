import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { EXIT, USER_ERRORS, UserError } from "../../src/base/user-error.js";
import { hostOfUrl, type ResolveHost, requireLoopback } from "../../src/cli/remote.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

function command(...args: string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { timeout: 30_000 }, (error, _stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stderr });
    });
  });
}

/** Names and what they are here; nothing is asked of any network. */
const names: ResolveHost = async (host) => {
  const known: Record<string, readonly string[]> = {
    here: ["127.0.0.1", "::1"],
    both: ["127.0.0.1", "192.0.2.7"],
    there: ["2001:db8::1"],
    nothing: [],
  };
  const addresses = known[host];
  if (addresses === undefined) throw new Error("getaddrinfo ENOTFOUND");
  return addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
};

function isRefusal(error: unknown): boolean {
  return error instanceof UserError && error.kind === USER_ERRORS.remoteHost && error.kind.exitCode === EXIT.usage;
}

describe("load", () => {
  it("may go to this machine, by every name and address it has", async () => {
    const mine = ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1", "here"];
    await requireLoopback(mine, false, names);
    assert.equal(hostOfUrl("http://[::1]:7000/metrics"), "::1");
  });

  it("goes nowhere else by mistake, whatever one of several addresses is", async () => {
    for (const host of [
      "192.0.2.1",
      "2001:db8::1",
      "::ffff:192.0.2.1",
      "0.0.0.0",
      "both",
      "there",
      "nothing",
      "unknown",
    ]) {
      await assert.rejects(requireLoopback(["127.0.0.1", host], false, names), isRefusal, host);
      await requireLoopback([host], true, names);
    }
  });

  it("is refused by every command that makes it, before anything is sent", async () => {
    // Addresses for documentation, which are nobody's.
    const commands = [
      ["http", "http://192.0.2.1:7000/metrics"],
      ["http", "http://[2001:db8::1]/"],
      ["run", "read-heavy", "--target", "core", "--target", "zookeeper://127.0.0.1:1,192.0.2.1:2181"],
      ["scenario", "leader-kill", "--target", "core", "--target", "etcd://192.0.2.1:2379"],
      ["scenario", "latency-link", "--target", "core", "--toxiproxy", "http://192.0.2.1:8474"],
    ];
    await Promise.all(
      commands.map(async (args) => {
        const { code, stderr } = await command(...args);
        assert.equal(code, EXIT.usage, `${args.join(" ")}: ${stderr}`);
        assert.match(stderr, /^zabench: '.*' is not known to be this machine.*--allow-remote[^\n]*\n$/, args.join(" "));
      }),
    );
    const { code, stderr } = await command("http", "nonsense");
    assert.deepEqual([code, /is not a URL/.test(stderr)], [EXIT.usage, true]);
  });
});
