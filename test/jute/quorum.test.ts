import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";
import {
  LeaderInfo,
  LearnerInfo,
  QUORUM,
  QUORUM_PROTOCOL_VERSION,
  QuorumPacket,
  quorumPacketLength,
  writeQuorumPacket,
} from "../../src/jute/quorum.js";

const hexOf = (write: (writer: ByteWriter) => void): string => {
  const writer = new ByteWriter();
  write(writer);
  return writer.view().toString("hex");
};
const readerOf = (hex: string): ByteReader => new ByteReader(Buffer.from(hex, "hex"));

test("a packet is type, zxid, data and ids, and takes 20 bytes at the least", () => {
  const commit = hexOf((writer) => writeQuorumPacket(writer, QUORUM.commit, 0x1_0000_0005, null));
  assert.equal(commit, "00000004" + "0000000100000005" + "ffffffff" + "ffffffff");
  const request = hexOf((writer) =>
    QuorumPacket.write(writer, {
      type: QUORUM.request,
      zxid: -1,
      data: Buffer.from("ab"),
      authinfo: [{ scheme: "ip", id: "::1" }],
    }),
  );
  assert.equal(
    request,
    "00000001" + "ffffffffffffffff" + "000000026162" + "00000001" + "000000026970" + "000000033a3a31",
  );
});

test("a learner info of 8, 12 or 20 bytes is read, and the extension stands behind what upstream reads", () => {
  assert.deepEqual(LearnerInfo.read(readerOf("0000000000000003")), {
    serverId: 3,
    protocolVersion: 0,
    configVersion: undefined,
    batched: false,
  });
  assert.equal(LearnerInfo.read(readerOf("000000000000000300010000")).protocolVersion, QUORUM_PROTOCOL_VERSION);
  const plain = { serverId: 3, protocolVersion: QUORUM_PROTOCOL_VERSION, configVersion: 0, batched: false };
  const plainHex = hexOf((writer) => LearnerInfo.write(writer, plain));
  assert.equal(plainHex, "0000000000000003" + "00010000" + "0000000000000000");
  const batchedHex = hexOf((writer) => LearnerInfo.write(writer, { ...plain, batched: true }));
  assert.ok(batchedHex.startsWith(plainHex));
  assert.equal(LearnerInfo.read(readerOf(batchedHex)).batched, true);
  assert.equal(LearnerInfo.read(readerOf(`${plainHex}00000000deadbeef`)).batched, false);
});

test("a leader info begins with the four bytes that upstream reads", () => {
  const info = { protocolVersion: QUORUM_PROTOCOL_VERSION, batched: true };
  const hex = hexOf((writer) => LeaderInfo.write(writer, info));
  assert.ok(hex.startsWith("00010000"));
  assert.deepEqual(LeaderInfo.read(readerOf(hex)), info);
  assert.deepEqual(LeaderInfo.read(readerOf("00010000")), { ...info, batched: false });
});

const text = fc.option(fc.string({ maxLength: 8 }).map((value) => value.replace(/[\u{d800}-\u{dfff}]/gu, "")));
const plain = { noNullPrototype: true } as const;
const packet = fc.record(
  {
    type: fc.constantFrom(...Object.values(QUORUM)),
    zxid: fc.oneof(fc.constant(-1), fc.nat()),
    data: fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))),
    authinfo: fc.option(fc.array(fc.record({ scheme: text, id: text }, plain), { maxLength: 3 })),
  },
  plain,
);

test("what is written is read again, and its length is known exactly when it is whole", () => {
  fc.assert(
    fc.property(packet, fc.nat(7), (value, junk) => {
      const writer = new ByteWriter(16);
      QuorumPacket.write(writer, value);
      const bytes = Buffer.concat([writer.view(), Buffer.alloc(junk, 0x41)]);
      assert.deepEqual(QuorumPacket.read(new ByteReader(bytes)), value);
      for (let end = 0; end < writer.offset; end++) assert.equal(quorumPacketLength(bytes, 0, end, 1_000), 0);
      assert.equal(quorumPacketLength(bytes, 0, bytes.length, 1_000), writer.offset);
    }),
  );
});

test("a length or count that cannot be true is refused as soon as it is seen", () => {
  const header = "00000002" + "0000000100000001";
  const refuse = (hex: string): void => {
    const bytes = Buffer.from(hex, "hex");
    assert.throws(() => quorumPacketLength(bytes, 0, bytes.length, 1_000), MalformedBytesError);
  };
  refuse(`${header}7fffffff`);
  refuse(`${header}fffffffe`);
  refuse(`${header}ffffffff7fffffff`);
  refuse(`${header}ffffffff000000017fffffff`);
});
