import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";
import {
  type ElectionHandshake,
  NO_VOTE,
  Notification,
  readElectionHandshake,
  writeElectionHandshake,
} from "../../src/jute/election.js";

// Made with Apache ZooKeeper 3.8.0's own FastLeaderElection.buildMsg.
const GOLDEN =
  "000000000000000000000003000000010000000500000000000000010000000000000001000000020000003273657276" +
  "65722e313d6c6f63616c686f73743a323838383a333838383a7061727469636970616e740a76657273696f6e3d30";
const GOLDEN_VALUE: Notification = {
  state: "looking",
  leader: 3,
  zxid: 0x1_0000_0005,
  electionEpoch: 1,
  peerEpoch: 1,
  version: 2,
  config: Buffer.from("server.1=localhost:2888:3888:participant\nversion=0"),
};

const hexOf = (write: (writer: ByteWriter) => void): string => {
  const writer = new ByteWriter();
  write(writer);
  return writer.view().toString("hex");
};
const read = (hex: string): Notification => Notification.read(new ByteReader(Buffer.from(hex, "hex")));

test("a notification is byte for byte what Apache ZooKeeper sends", () => {
  assert.deepEqual(read(GOLDEN), GOLDEN_VALUE);
  assert.equal(
    hexOf((writer) => Notification.write(writer, GOLDEN_VALUE)),
    GOLDEN,
  );
});

test("older notifications are shorter: no configuration, no version, no peer epoch", () => {
  const common = { state: "looking", leader: 3, zxid: 0x1_0000_0005, electionEpoch: 1, peerEpoch: 1, config: null };
  assert.deepEqual(read(`${GOLDEN.slice(0, 72)}00000001`), { ...common, version: 1 });
  assert.deepEqual(read(GOLDEN.slice(0, 72)), { ...common, version: 0 });
  assert.deepEqual(read(GOLDEN.slice(0, 56)), { ...common, version: 0 });
  assert.throws(() => read(GOLDEN.slice(0, 54)), MalformedBytesError);
});

test("an observer votes for nobody, with Long.MIN_VALUE in every place", () => {
  const vote = { ...GOLDEN_VALUE, leader: NO_VOTE, zxid: NO_VOTE, peerEpoch: NO_VOTE, config: Buffer.alloc(0) };
  const hex = hexOf((writer) => Notification.write(writer, vote));
  assert.equal(hex.slice(8, 40), "80000000000000008000000000000000");
  assert.deepEqual(read(hex), vote);
});

test("a configuration longer than its message, or a state that is none, is refused", () => {
  assert.throws(() => read(`${GOLDEN.slice(0, 80)}00000033${GOLDEN.slice(88)}`), MalformedBytesError);
  assert.throws(() => read(`${GOLDEN.slice(0, 80)}ffffffff${GOLDEN.slice(88)}`), MalformedBytesError);
  assert.throws(() => read(`00000004${GOLDEN.slice(8)}`), MalformedBytesError);
});

const handshakeHex = (handshake: ElectionHandshake): string =>
  hexOf((writer) => writeElectionHandshake(writer, handshake));

test("the three handshakes, byte for byte", () => {
  assert.equal(handshakeHex({ version: 0, serverId: 7, addresses: [] }), "0000000000000007");
  assert.equal(
    handshakeHex({ version: 1, serverId: 7, addresses: ["a:1"] }),
    "ffffffffffff0000" + "0000000000000007" + "00000003613a31",
  );
  assert.equal(
    handshakeHex({ version: 2, serverId: 7, addresses: ["a:1", "[::1]:2"] }),
    `ffffffffffff0001${"0000000000000007"}${"0000000b"}${Buffer.from("a:1|[::1]:2").toString("hex")}`,
  );
  assert.equal(handshakeHex({ version: 0, serverId: undefined, addresses: [] }), "7fffffffffffffff");
});

const handshake = fc.record(
  {
    version: fc.constantFrom(1 as const, 2 as const),
    serverId: fc.option(fc.nat(), { nil: undefined }),
    addresses: fc.constantFrom(["a:1"], ["[fe80::1]:3888"]),
  },
  { noNullPrototype: true },
);

test("a handshake is read again once it is whole, and only then", () => {
  const old = handshake.map(({ serverId }): ElectionHandshake => ({ version: 0, serverId, addresses: [] }));
  fc.assert(
    fc.property(fc.oneof(handshake, old), (value) => {
      const bytes = Buffer.from(`${handshakeHex(value)}ffff`, "hex");
      const whole = bytes.length - 2;
      for (let end = 0; end < whole; end++) {
        const reader = new ByteReader(bytes, 0, end);
        assert.equal(readElectionHandshake(reader), undefined);
        assert.equal(reader.offset, 0);
      }
      const reader = new ByteReader(bytes);
      assert.deepEqual(readElectionHandshake(reader), value);
      assert.equal(reader.offset, whole);
    }),
  );
});

test("a handshake of an unknown version, or without or with too many addresses, is refused", () => {
  const refuse = (hex: string): void => {
    assert.throws(() => readElectionHandshake(new ByteReader(Buffer.from(hex, "hex"))), MalformedBytesError);
  };
  refuse(`ffffffffffff0002${"0000000000000007"}00000003613a31`);
  refuse(`ffffffffffff0000${"0000000000000007"}00000000`);
  refuse(`ffffffffffff0000${"0000000000000007"}00000801`);
});
