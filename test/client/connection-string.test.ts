import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EXIT, UserError } from "../../src/base/user-error.js";
import { formatHost, parseConnectionString } from "../../src/client/connection-string.js";

describe("a connection string", () => {
  it("is hosts, and a path to stay below", () => {
    assert.deepEqual(parseConnectionString("h1"), { hosts: [{ host: "h1", port: 2181 }], chroot: "" });
    assert.deepEqual(parseConnectionString("h1:2182, 10.0.0.2:1,[::1]:2183,[fe80::1%eth0]/app/b"), {
      hosts: [
        { host: "h1", port: 2182 },
        { host: "10.0.0.2", port: 1 },
        { host: "::1", port: 2183 },
        { host: "fe80::1%eth0", port: 2181 },
      ],
      chroot: "/app/b",
    });
    assert.equal(parseConnectionString("h1:2181/").chroot, "");
  });

  it("comes back from its hosts", () => {
    const text = "h1:2182,[::1]:2183";
    assert.equal(parseConnectionString(text).hosts.map(formatHost).join(","), text);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ["", "a host is empty"],
    ["h1,,h2", "a host is empty"],
    ["h1:0", "'0' is no port"],
    ["h1:65536", "'65536' is no port"],
    ["h1:x", "'x' is no port"],
    ["h1:", "'' is no port"],
    ["::1", "'::1' has several colons; an IPv6 address stands in brackets"],
    ["[::1", "'[::1' has several colons"],
    ["zk://h1:2181", "'' is no port"],
    ["h 1:2181", "'h 1' is no host name"],
    ["h1/app/", "its path /app/ ends with '/'"],
    ["h1//app", "its path //app holds '//'"],
    ["h1/a/../b", "is relative"],
  ];
  for (const [text, problem] of wrong) {
    it(`'${text}' is none`, () => {
      assert.throws(
        () => parseConnectionString(text),
        (error) => {
          assert(error instanceof UserError);
          assert.equal(error.kind.exitCode, EXIT.usage);
          assert(error.message.includes(problem), error.message);
          return true;
        },
      );
    });
  }
});
