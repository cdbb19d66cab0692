import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../../../src/base/bytes.js";
import {
  ERROR_CODE,
  FRAME,
  FrameReader,
  Http2Error,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeSettings,
} from "../../../../src/targets/etcd/http2/frames.js";

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: string;
}

function collector(payloadBytesMax?: number): { reader: FrameReader; frames: Frame[] } {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    {
      frame: (type, flags, streamId, bytes, start, end) =>
        frames.push({ type, flags, streamId, payload: bytes.toString("hex", start, end) }),
    },
    payloadBytesMax,
  );
  return { reader, frames };
}

const anyFrame = fc.record(
  {
    type: fc.nat(255),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 100 }).map((octets) => Buffer.from(octets).toString("hex")),
  },
  { noNullPrototype: true },
);

function bytesOf(frames: readonly Frame[]): Buffer {
  const writer = new ByteWriter();
  for (const { type, flags, streamId, payload } of frames) {
    writeFrameHeader(writer, payload.length / 2, type, flags, streamId);
    writer.raw(Buffer.from(payload, "hex"));
  }
  return writer.copy();
}

describe("FrameReader", () => {
  it("finds the same frames however the bytes are cut, and wherever they lie in a chunk", () => {
    fc.assert(
      fc.property(fc.array(anyFrame), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const { reader, frames: found } = collector(100);
        const bytes = bytesOf(frames);
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const end = Math.min(
            bytes.length,
            at + (cuts.length === 0 ? bytes.length : (cuts[cut % cuts.length] as number)),
          );
          // The chunk's memory is used again for the next one, as a socket's is.
          const chunk = Buffer.concat([Buffer.from("junk"), bytes.subarray(at, end), Buffer.from("junk")]);
          reader.push(chunk, 4, chunk.length - 4);
          chunk.fill(0xee);
          at = end;
        }
        assert.deepEqual(found, frames);
      }),
    );
  });

  it("clears the reserved bit of a stream id", () => {
    const { reader, frames } = collector();
    reader.push(Buffer.from("000000000080000003", "hex"), 0, 9);
    assert.equal(frames[0]?.streamId, 3);
  });

  it("refuses a frame over the limit by its header, in one chunk or several", () => {
    const header = Buffer.from("004001000000000001", "hex");
    const refuses = (error: unknown): boolean =>
      error instanceof Http2Error && error.code === ERROR_CODE.frameSizeError;
    assert.throws(() => collector().reader.push(header, 0, 9), refuses);
    const { reader } = collector();
    reader.push(header, 0, 5);
    assert.throws(() => reader.push(header, 5, 9), refuses);
    const whole = collector();
    const largest = Buffer.concat([Buffer.from("004000000000000001", "hex"), Buffer.alloc(0x4000)]);
    whole.reader.push(largest, 0, largest.length);
    assert.equal(whole.frames.length, 1);
  });
});

describe("frame writers", () => {
  it("write what RFC 9113 says", () => {
    const written = (write: (writer: ByteWriter) => void): string => {
      const writer = new ByteWriter(4);
      write(writer);
      return writer.copy().toString("hex");
    };
    assert.equal(
      written((writer) => writeSettings(writer, [[4, 0x100000]])),
      "000006040000000000" + "000400100000",
    );
    assert.equal(
      written((writer) => writePing(writer, 1, Buffer.from("xx12345678", "latin1"), 2)),
      "000008060100000000" + "3132333435363738",
    );
    assert.equal(
      written((writer) => writeGoaway(writer, 5, ERROR_CODE.protocolError, "no")),
      "00000a070000000000" + "00000005" + "00000001" + "6e6f",
    );
    assert.equal(
      written((writer) => writeFrameHeader(writer, 0x010203, FRAME.data, 1, 0x7fffffff)),
      "01020300017fffffff",
    );
  });
});
