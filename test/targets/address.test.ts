import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { USER_ERRORS, UserError } from "../../src/base/user-error.js";
import { formatAddress, parseTargetReference } from "../../src/targets/address.js";
import { TARGET_NAMES } from "../../src/targets/target.js";

function refusal(text: string): UserError {
  try {
    parseTargetReference(text);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`'${text}' was accepted`);
}

test("a name alone asks for a managed ensemble", () => {
  for (const target of TARGET_NAMES) {
    assert.deepEqual(parseTargetReference(target), { target, addresses: undefined });
  }
});

test("addresses attach, in their order, with the usual port where none is given", () => {
  assert.deepEqual(parseTargetReference("zookeeper://h1:2182,h2"), {
    target: "zookeeper",
    addresses: [
      { host: "h1", port: 2182 },
      { host: "h2", port: 2181 },
    ],
  });
  assert.deepEqual(parseTargetReference("etcd://[::1],10.0.0.1:1").addresses, [
    { host: "::1", port: 2379 },
    { host: "10.0.0.1", port: 1 },
  ]);
  assert.deepEqual(parseTargetReference("redis://h1").addresses, [{ host: "h1", port: 6379 }]);
  assert.deepEqual(parseTargetReference("core://localhost/").addresses, [{ host: "localhost", port: 2181 }]);
});

test("what names no target says which there are", () => {
  for (const text of ["", "consul", "consul://h:1", "zookeeper:2181", "Zookeeper"]) {
    const error = refusal(text);
    assert.equal(error.kind, USER_ERRORS.unknownTarget, text);
    assert.match(error.message, /core, zookeeper, etcd, redis/);
  }
});

test("a bad address is named with its reason", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["zookeeper://", /a host is missing/],
    ["zookeeper://h1,,h2", /a host is missing/],
    ["zookeeper://h1:0", /'0' is not a port/],
    ["zookeeper://h1:65536", /'65536' is not a port/],
    ["zookeeper://h1:", /'' is not a port/],
    ["zookeeper://h1:2181x", /'2181x' is not a port/],
    ["zookeeper://h1:2181/chroot", /not host:port|not a port/],
    ["zookeeper://user@h1", /user names and passwords cannot be given/],
    ["redis://:secret@h1:6379", /^'redis:\/\/:…@h1:6379': user names and passwords cannot be given/],
    ["zookeeper://::1:2181", /not host:port/],
    ["zookeeper://h1 ,h2", /not host:port/],
    ["etcd://h1,h1:2379", /h1:2379 is there twice/],
  ];
  for (const [text, reason] of cases) {
    const error = refusal(text);
    assert.equal(error.kind, USER_ERRORS.badTargetAddress, text);
    assert.match(error.message, reason);
    assert.ok(error.message.includes(text.replace("secret", "…")), "the message shows what was given");
  }
});

test("what is formatted parses back", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const address = fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) }, { noNullPrototype: true });
  const addresses = fc.uniqueArray(address, { minLength: 1, maxLength: 5, selector: formatAddress });
  fc.assert(
    fc.property(fc.constantFrom(...TARGET_NAMES), addresses, (target, list) => {
      const text = `${target}://${list.map(formatAddress).join(",")}`;
      assert.deepEqual(parseTargetReference(text), { target, addresses: list });
    }),
  );
});
