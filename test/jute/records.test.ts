import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader, ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";
import { MultiReadRequest, MultiWriteRequest } from "../../src/jute/multi.js";
import * as records from "../../src/jute/records.js";
import { CASES, type Case } from "./arbitraries.js";

function encode({ codec }: Case, value: unknown): Buffer {
  const writer = new ByteWriter(1);
  codec.write(writer, value);
  return writer.copy();
}

/** Copies views out of the packet, and gives records a plain shape, so that values compare. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  }
  return Object.is(value, -0) ? 0 : value;
}

describe("every record", () => {
  for (const each of CASES) {
    it(`${each.name}: what is written is read again, and nothing more`, () => {
      fc.assert(
        fc.property(each.values, fc.nat(20), (value, offset) => {
          const bytes = encode(each, value);
          assert(bytes.length >= each.codec.bytesMin, "bytesMin is a lower bound");
          // Within a packet, as it is read in practice: neither at its beginning nor up to its end.
          const packet = Buffer.concat([Buffer.alloc(offset, 0xff), bytes, Buffer.alloc(3, 0xff)]);
          const reader = new ByteReader(packet, offset, offset + bytes.length);
          assert.deepEqual(plain(each.codec.read(reader)), plain(value));
          assert.equal(reader.remaining, 0);
        }),
        { numRuns: 60 },
      );
    });

    it(`${each.name}: cut short anywhere, it is malformed`, () => {
      fc.assert(
        fc.property(each.values, (value) => {
          const bytes = encode(each, value);
          for (let end = 0; end < bytes.length - each.optionalBytes; end++) {
            assert.throws(() => each.codec.read(new ByteReader(bytes, 0, end)), MalformedBytesError, `cut at ${end}`);
          }
        }),
        { numRuns: 15 },
      );
    });

    it(`${each.name}: any four bytes may lie, and no memory is taken for it`, () => {
      const before = process.memoryUsage();
      fc.assert(
        fc.property(each.values, (value) => {
          const bytes = encode(each, value);
          for (const lie of [-1, -2, -(2 ** 31), 2 ** 31 - 1, 2 ** 30, 0xfffff]) {
            for (let at = 0; at + 4 <= bytes.length; at++) {
              const lying = Buffer.from(bytes);
              lying.writeInt32BE(lie, at);
              try {
                each.codec.read(new ByteReader(lying));
              } catch (error) {
                if (!(error instanceof MalformedBytesError)) throw error;
              }
            }
          }
        }),
        { numRuns: 5 },
      );
      const after = process.memoryUsage();
      assert(after.arrayBuffers - before.arrayBuffers < 8e6, "buffers");
      assert(after.rss - before.rss < 200e6, "memory");
    });
  }
});

describe("lengths that cannot be", () => {
  const read = (hex: string): unknown =>
    records.GetDataRequest.read(new ByteReader(Buffer.from(hex.replaceAll(" ", ""), "hex")));

  it("a negative length other than null", () => {
    assert.throws(() => read("fffffffe 2f 01"), /Unreasonable length = -2 at offset 0/);
    assert.throws(() => read("80000000 2f 01"), MalformedBytesError);
  });

  it("a path that is null where there must be one", () => {
    assert.throws(() => read("ffffffff 01"), /null string/);
  });

  it("a length beyond the limit, even where the bytes are there", () => {
    const bytes = Buffer.alloc(64);
    bytes.writeInt32BE(40, 0);
    assert.throws(() => new ByteReader(bytes, 0, 64, 39).buffer(), MalformedBytesError);
    assert.equal(new ByteReader(bytes, 0, 64, 40).buffer()?.length, 40);
  });

  it("a vector of two thousand million names in four bytes", () => {
    const bytes = Buffer.from("7fffffff", "hex");
    assert.throws(() => records.GetChildrenResponse.read(new ByteReader(bytes)), /Unreasonable length = 2147483647/);
  });

  it("a zxid that does not fit into a number", () => {
    const header = Buffer.from(`00000001${"7fffffffffffffff"}00000000`, "hex");
    assert.throws(() => records.ReplyHeader.read(new ByteReader(header)), MalformedBytesError);
    const epoch = Buffer.from(`00000001${"0020000000000000"}00000000`, "hex");
    assert.throws(() => records.ReplyHeader.read(new ByteReader(epoch)), MalformedBytesError);
    const last = Buffer.from(`00000001${"001fffffffffffff"}00000000`, "hex");
    assert.equal(records.ReplyHeader.read(new ByteReader(last)).zxid, Number.MAX_SAFE_INTEGER);
  });
});

describe("multi", () => {
  it("refuses reads among writes, and writes among reads", () => {
    const writer = new ByteWriter();
    MultiReadRequest.write(writer, [{ type: 4, request: { path: "/a", watch: false } }]);
    assert.throws(
      () => MultiWriteRequest.read(new ByteReader(writer.copy())),
      /type 4 is not allowed in a write multi/,
    );
    writer.reset();
    MultiWriteRequest.write(writer, [{ type: 2, request: { path: "/a", version: -1 } }]);
    assert.throws(() => MultiReadRequest.read(new ByteReader(writer.copy())), /type 2 is not allowed in a read multi/);
  });

  it("a run that never ends is cut off by its packet", () => {
    const header = Buffer.from("00000002 00 ffffffff 00000000 ffffffff".replaceAll(" ", ""), "hex");
    const endless = Buffer.concat(Array.from({ length: 1_000 }, () => header));
    assert.throws(() => MultiWriteRequest.read(new ByteReader(endless)), MalformedBytesError);
  });
});

describe("the handshake of old clients", () => {
  it("has no readOnly byte, and is written again without it", () => {
    const bytes = Buffer.from(
      "0000000000000000000000000000753000000000000000000000001000000000000000000000000000000000",
      "hex",
    );
    const request = records.ConnectRequest.read(new ByteReader(bytes));
    assert.equal(request.readOnly, undefined);
    const writer = new ByteWriter();
    records.ConnectRequest.write(writer, request);
    assert.deepEqual(writer.copy(), bytes);
  });
});
