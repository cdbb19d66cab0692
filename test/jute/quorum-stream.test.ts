import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";
import { ImageScanner } from "../../src/jute/image-scanner.js";
import { QUORUM, type QuorumPacket, writeQuorumPacket } from "../../src/jute/quorum.js";
import { QuorumStreamDecoder } from "../../src/jute/quorum-stream.js";

interface Node {
  readonly path: string;
  readonly data: Buffer | null;
}

function writeImage(writer: ByteWriter, sessions: number, nodes: readonly Node[]): void {
  writer.int32(sessions);
  writer.raw(Buffer.alloc(sessions * 12, 1));
  writer.int32(1);
  writer.safeInt64(1);
  writer.int32(1);
  writer.int32(31);
  writer.string("world");
  writer.string("anyone");
  for (const { path, data } of nodes) {
    writer.string(path);
    writer.buffer(data);
    writer.raw(Buffer.alloc(68, 0x2f));
  }
  writer.string("/");
  writer.string("BenWasHere");
}

type Item = string | { readonly image: string };

function decode(bytes: Buffer, cuts: readonly number[]): Item[] {
  const items: Item[] = [];
  let image = "";
  const decoder = new QuorumStreamDecoder();
  const sink = {
    packet: (packet: QuorumPacket) => {
      items.push(
        `${packet.type} ${packet.zxid} ${packet.data === null ? "null" : Buffer.from(packet.data).toString("hex")}`,
      );
      return true;
    },
    image: (part: Buffer, start: number, end: number) => {
      image += part.toString("hex", start, end);
    },
    imageEnd: () => {
      items.push({ image });
      image = "";
    },
  };
  let start = 0;
  for (const end of [...new Set(cuts.map((cut) => cut % bytes.length))].sort((a, b) => a - b)) {
    decoder.push(bytes.subarray(start, end), sink);
    start = end;
  }
  decoder.push(bytes.subarray(start), sink);
  return items;
}

const node = fc.record({
  path: fc.constantFrom("", "/a", "/BenWasHere", "/zookeeper"),
  data: fc.option(fc.constantFrom(Buffer.alloc(0), Buffer.from("\0\0\0\x01/"), Buffer.from("BenWasHere"))),
});

test("packets and images come out whole and in order, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(node, { maxLength: 4 }),
      fc.nat(3),
      fc.array(fc.nat(2_000), { maxLength: 8 }),
      (nodes, sessions, cuts) => {
        const writer = new ByteWriter();
        writeQuorumPacket(writer, QUORUM.leaderInfo, 0x1_0000_0000, Buffer.from([0, 1, 0, 0]));
        writeQuorumPacket(writer, QUORUM.snap, 5, null);
        const start = writer.offset;
        writeImage(writer, sessions, nodes);
        const image = writer.bytes.toString("hex", start, writer.offset);
        writeQuorumPacket(writer, QUORUM.proposal, 6, Buffer.from("txn"));
        writeQuorumPacket(writer, QUORUM.commit, 6, null);
        assert.deepEqual(decode(writer.copy(), cuts), [
          `${QUORUM.leaderInfo} ${0x1_0000_0000} 00010000`,
          `${QUORUM.snap} 5 null`,
          { image },
          `${QUORUM.proposal} 6 74786e`,
          `${QUORUM.commit} 6 null`,
        ]);
      },
    ),
  );
});

test("a sink that stops gets nothing more of the chunk", () => {
  const writer = new ByteWriter();
  writeQuorumPacket(writer, QUORUM.commit, 1, null);
  writeQuorumPacket(writer, QUORUM.commit, 2, null);
  const seen: number[] = [];
  const packet = ({ zxid }: QuorumPacket): boolean => {
    seen.push(zxid);
    return false;
  };
  const fail = (): void => assert.fail("there is no image");
  new QuorumStreamDecoder().push(writer.copy(), { packet, image: fail, imageEnd: fail });
  assert.deepEqual(seen, [1]);
});

test("an image with a false length, an odd path or another signature is refused", () => {
  const refuse = (hex: string): void => {
    const bytes = Buffer.from(hex, "hex");
    assert.throws(() => new ImageScanner(1_000).scan(bytes, 0, bytes.length), MalformedBytesError);
  };
  refuse("ffffffff");
  refuse("00000000" + "ffffffff");
  refuse("00000000" + "00000000" + "000003e9");
  refuse("00000000" + "00000000" + "00000001" + "61");
  refuse("00000000" + "00000000" + "00000001" + "2f" + "00000009");
  refuse("00000000" + "00000000" + "00000001" + "2f" + "0000000a" + "42656e57617348657266");
});
