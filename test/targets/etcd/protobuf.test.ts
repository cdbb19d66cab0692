import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter, MalformedBytesError } from "../../../src/base/bytes.js";
import {
  AnswerReader,
  LeaseGrantResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  WatchResponse,
} from "../../../src/targets/etcd/messages.js";
import {
  bytes,
  id,
  type MessageType,
  ProtobufReader,
  signed,
  string,
  writeTag,
  writeVarint,
  writeVarintBig,
} from "../../../src/targets/etcd/protobuf.js";

function written(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(4);
  write(writer);
  return writer.copy();
}

function encode<Value>(type: { encode(writer: ByteWriter, value: Value): void }, value: Value): Buffer {
  return written((writer) => type.encode(writer, value));
}

const records = { noNullPrototype: true } as const;
const buffer = fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets));
const revision = fc.maxSafeNat();
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const header = fc.record({ clusterId: uint64, memberId: uint64, revision, raftTerm: revision }, records);
const keyValue = fc.record(
  { key: buffer, createRevision: revision, modRevision: revision, version: revision, value: buffer, lease: uint64 },
  records,
);
const rangeResponse = fc.record(
  {
    header: fc.option(header, { nil: undefined }),
    kvs: fc.array(keyValue, { maxLength: 5 }),
    more: fc.boolean(),
    count: revision,
  },
  records,
);
const rangeRequest = fc.record(
  {
    key: buffer,
    rangeEnd: buffer,
    limit: revision,
    revision,
    sortOrder: fc.nat(2),
    sortTarget: fc.nat(4),
    serializable: fc.boolean(),
    keysOnly: fc.boolean(),
    countOnly: fc.boolean(),
    maxCreateRevision: revision,
  },
  records,
);
const watchResponse = fc.record(
  {
    header: fc.option(header, { nil: undefined }),
    watchId: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    created: fc.boolean(),
    canceled: fc.boolean(),
    compactRevision: revision,
    cancelReason: fc.string({ unit: "grapheme" }),
    events: fc.array(fc.record({ type: fc.nat(1), kv: fc.option(keyValue, { nil: undefined }) }, records), {
      maxLength: 4,
    }),
  },
  records,
);

/** Fields no message here has, of every wire type there is. */
const unknownField = fc
  .tuple(fc.integer({ min: 100, max: 2 ** 28 }), fc.constantFrom(0, 1, 2, 5), uint64, buffer)
  .map(([number, wireType, value, octets]) =>
    written((writer) => {
      writeTag(writer, number, wireType);
      if (wireType === 0) writeVarintBig(writer, value);
      else if (wireType === 2) bytes.write(writer, octets);
      else writer.raw(Buffer.alloc(wireType === 1 ? 8 : 4, 7));
    }),
  );

describe("protobuf", () => {
  it("writes varints as the format's documentation does", () => {
    assert.equal(written((writer) => writeVarint(writer, 150)).toString("hex"), "9601");
    assert.equal(written((writer) => writeVarint(writer, 0)).toString("hex"), "00");
    assert.equal(written((writer) => writeVarintBig(writer, -2n)).toString("hex"), "feffffffffffffffff01");
    assert.equal(written((writer) => writeVarint(writer, 2 ** 53 - 1)).toString("hex"), "ffffffffffffff0f");
  });

  it("writes a request as protoc's code does", () => {
    // RangeRequest{key: "foo", limit: 300, serializable: true}
    const request = RangeRequest.make({ key: Buffer.from("foo"), limit: 300, serializable: true });
    assert.equal(encode(RangeRequest, request).toString("hex"), "0a03666f6f18ac023801");
  });

  it("reads back every varint it writes", () => {
    fc.assert(
      fc.property(fc.oneof(revision, fc.nat(300)), uint64, (value, big) => {
        assert.equal(new ProtobufReader(written((writer) => writeVarint(writer, value))).varint(), value);
        assert.equal(new ProtobufReader(written((writer) => writeVarintBig(writer, big))).varintBig(), big);
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        assert.equal(signed.read(new ProtobufReader(written((writer) => signed.write(writer, value)))), value);
      }),
    );
  });

  function roundTrips<Value>(
    name: string,
    type: MessageType<never> & { decode(from: Buffer): Value },
    values: fc.Arbitrary<Value>,
  ): void {
    it(`reads back every ${name} it writes, with fields it does not know before and after`, () => {
      fc.assert(
        fc.property(values, unknownField, unknownField, (value, before, after) => {
          const message = written((writer) =>
            (type as { encode(to: ByteWriter, of: unknown): void }).encode(writer, value),
          );
          assert.deepEqual(type.decode(message), value);
          assert.deepEqual(type.decode(Buffer.concat([before, message, after])), value);
        }),
      );
    });
  }
  roundTrips("RangeRequest", RangeRequest as never, rangeRequest);
  roundTrips("RangeResponse", RangeResponse as never, rangeResponse);
  roundTrips("WatchResponse", WatchResponse as never, watchResponse);

  it("moves a nested message whose length takes more than one byte", () => {
    for (const size of [126, 127, 128, 16_383, 16_384, 100_000]) {
      const response = RangeResponse.make({ kvs: [zeroKeyValue(Buffer.alloc(size, "v"))], count: 1 });
      assert.deepEqual(RangeResponse.decode(encode(RangeResponse, response)), response);
    }
  });

  it("refuses what is cut short or claims more than there is, wherever it is cut", () => {
    fc.assert(
      fc.property(rangeResponse, fc.nat(1_000_000), (value, cut) => {
        const message = encode(RangeResponse, value);
        const part = message.subarray(0, message.length === 0 ? 0 : cut % message.length);
        // A cut between two fields leaves a shorter message that is valid; every other cut must be found.
        let result: unknown;
        try {
          result = RangeResponse.decode(part);
        } catch (error) {
          assert.ok(error instanceof MalformedBytesError);
          return;
        }
        assert.equal(encode(RangeResponse, result as typeof value).compare(part), 0);
      }),
    );
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        for (const read of [
          () => WatchResponse.decode(Buffer.from(octets)),
          () => new AnswerReader().read(Buffer.from(octets), 0, octets.length),
        ]) {
          try {
            read();
          } catch (error) {
            assert.ok(error instanceof MalformedBytesError);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("refuses hostile lengths, varints without end, groups, and numbers beyond 53 bits", () => {
    const refused = (message: string, why: RegExp): void => {
      const octets = Buffer.from(message, "hex");
      for (const read of [
        () => RangeResponse.decode(octets),
        () => new AnswerReader().read(octets, 0, octets.length),
      ]) {
        assert.throws(read, (error: unknown) => error instanceof MalformedBytesError && why.test(error.message));
      }
    };
    refused("0affffffff0f", /a field of 4294967295 bytes/);
    refused("0a0318ff", /a field of 3 bytes/);
    refused("0a0218ff", /ends within a varint/);
    refused("20ffffffffffffffffffffff01", /more than 10 bytes/);
    refused("0a0c18ffffffffffffffffff7f00", /53 bits|more than 10/);
    refused("0a0b18ffffffffffffffffff01", /beyond 53 bits/);
    refused("0b", /wire type 3/);
    refused("0901", /a field of 8 bytes/);
  });

  it("reads signed and 64-bit values whole", () => {
    const grant = LeaseGrantResponse.make({ id: 2n ** 63n + 5n, ttlSeconds: -1, error: "ü" });
    assert.deepEqual(LeaseGrantResponse.decode(encode(LeaseGrantResponse, grant)), grant);
    assert.equal(id.read(new ProtobufReader(Buffer.from("ffffffffffffffffff01", "hex"))), 2n ** 64n - 1n);
    assert.equal(string.read(new ProtobufReader(Buffer.from("02c3bc", "hex"))), "ü");
  });

  it("leaves out what is zero", () => {
    assert.equal(encode(TxnRequest, TxnRequest.make({})).length, 0);
    assert.equal(encode(RangeResponse, RangeResponse.zero).length, 0);
  });
});

function zeroKeyValue(value: Buffer): {
  key: Buffer;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Buffer;
  lease: bigint;
} {
  return { key: Buffer.from("k"), createRevision: 1, modRevision: 2, version: 1, value, lease: 0n };
}

describe("AnswerReader", () => {
  it("reads of any answer what the full decoder reads", () => {
    const reader = new AnswerReader();
    fc.assert(
      fc.property(rangeResponse, unknownField, (value, unknown) => {
        const message = Buffer.concat([Buffer.from("junk"), unknown, encode(RangeResponse, value), unknown]);
        reader.read(message, 4, message.length);
        assert.equal(reader.revision, value.header?.revision ?? 0);
        assert.equal(reader.count, value.count);
      }),
    );
    const put = PutResponse.make({ header: { clusterId: 2n ** 64n - 1n, memberId: 3n, revision: 77, raftTerm: 9 } });
    const message = encode(PutResponse, put);
    reader.read(message, 0, message.length);
    assert.deepEqual([reader.revision, reader.count], [77, 0]);
  });
});
