import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter, MalformedBytesError } from "../../src/base/bytes.js";
import { beginFrame, endFrame, FrameSplitter } from "../../src/jute/framing.js";

const LIMIT = 4_096;

function frame(body: Uint8Array): Buffer {
  const writer = new ByteWriter(1);
  const start = beginFrame(writer);
  writer.raw(body);
  endFrame(writer, start);
  return writer.copy();
}

/** Cuts `stream` at the given places, in any order and with repeats, which give empty chunks. */
function cut(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((at) => at % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return places.slice(1).map((end, index) => Buffer.from(stream.subarray(places[index], end)));
}

function collect(splitter: FrameSplitter, chunks: readonly Buffer[]): string[] {
  const bodies: string[] = [];
  for (const chunk of chunks) {
    splitter.push(chunk, (bytes, start, end) => {
      bodies.push(bytes.toString("hex", start, end));
      return true;
    });
    // The socket uses the same memory for what comes next.
    chunk.fill(0xee);
  }
  return bodies;
}

const bodies = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 12 });

describe("frames", () => {
  it("come out whole and in order however the stream is cut", () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(8_000), { maxLength: 30 }), (sent, cuts) => {
        const splitter = new FrameSplitter(LIMIT);
        const stream = Buffer.concat(sent.map(frame));
        const expected = sent.map((body) => Buffer.from(body).toString("hex"));
        assert.deepEqual(collect(splitter, cut(stream, cuts)), expected);
        assert.equal(splitter.pendingBytes, 0);
      }),
      { numRuns: 300 },
    );
  });

  it("come out whole when every byte comes alone", () => {
    const stream = Buffer.concat([frame(Buffer.from("one")), frame(Buffer.alloc(0)), frame(Buffer.alloc(LIMIT, 7))]);
    const single = Array.from(stream, (byte) => Buffer.from([byte]));
    assert.deepEqual(collect(new FrameSplitter(LIMIT), single), [
      Buffer.from("one").toString("hex"),
      "",
      "07".repeat(LIMIT),
    ]);
  });

  it("are refused by their length alone", () => {
    for (const length of [-1, -(2 ** 31), LIMIT + 1, 2 ** 31 - 1]) {
      const head = Buffer.alloc(4);
      head.writeInt32BE(length);
      assert.throws(() => new FrameSplitter(LIMIT).push(head, () => true), MalformedBytesError);
      const splitter = new FrameSplitter(LIMIT);
      splitter.push(head.subarray(0, 2), () => true);
      assert.throws(() => splitter.push(head.subarray(2), () => true), MalformedBytesError);
    }
  });

  it("take memory for what has arrived, not for what they claim", () => {
    const before = process.memoryUsage().arrayBuffers;
    const splitters = Array.from({ length: 100 }, () => new FrameSplitter(2 ** 31 - 1));
    const head = Buffer.from("7ffffff000", "hex");
    for (const splitter of splitters) splitter.push(head, () => true);
    assert(process.memoryUsage().arrayBuffers - before < 1e6);
    assert.equal(splitters[0]?.pendingBytes, 5);
  });

  it("stop when their taker says so, and the rest of the chunk is dropped", () => {
    const splitter = new FrameSplitter(LIMIT);
    const seen: string[] = [];
    const chunk = Buffer.concat(["a", "b", "c"].map((text) => frame(Buffer.from(text))));
    splitter.push(chunk, (bytes, start, end) => {
      seen.push(bytes.toString("latin1", start, end));
      return seen.length < 2;
    });
    assert.deepEqual(seen, ["a", "b"]);
    assert.equal(splitter.pendingBytes, 0);
  });

  it("may be large, and the memory is given back", () => {
    const splitter = new FrameSplitter(2 ** 20);
    const large = frame(Buffer.alloc(2 ** 20, 1));
    assert.equal(collect(splitter, cut(large, [1, 1_000, 900_000])).length, 1);
    assert.deepEqual(collect(splitter, cut(frame(Buffer.from("after")), [2])), [Buffer.from("after").toString("hex")]);
  });
});
