import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../../../../src/base/bytes.js";
import { ERROR_CODE, Http2Error } from "../../../../src/targets/etcd/http2/frames.js";
import { type HeaderField, HpackDecoder, HpackEncoder } from "../../../../src/targets/etcd/http2/hpack.js";
import { decodeHuffman, encodeHuffman, huffmanBytes } from "../../../../src/targets/etcd/http2/huffman.js";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

function decode(decoder: HpackDecoder, block: Buffer): HeaderField[] {
  const fields: HeaderField[] = [];
  decoder.decode(block, 0, block.length, { field: (_, name, value) => fields.push([name, value]) }, undefined);
  return fields;
}

function encode(encoder: HpackEncoder, fields: readonly HeaderField[]): Buffer {
  const writer = new ByteWriter(16);
  encoder.encode(fields, writer);
  return writer.copy();
}

interface Exchange {
  readonly title: string;
  readonly tableBytes: number;
  readonly huffman: boolean;
  readonly blocks: readonly (readonly [fields: readonly HeaderField[], block: string])[];
}

const REQUEST_1: HeaderField[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
];
const REQUEST_2: HeaderField[] = [...REQUEST_1, ["cache-control", "no-cache"]];
const REQUEST_3: HeaderField[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
];
const RESPONSE_1: HeaderField[] = [
  [":status", "302"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:21 GMT"],
  ["location", "https://www.example.com"],
];
const RESPONSE_2: HeaderField[] = [[":status", "307"], ...RESPONSE_1.slice(1)];
const RESPONSE_3: HeaderField[] = [
  [":status", "200"],
  ["cache-control", "private"],
  ["date", "Mon, 21 Oct 2013 20:13:22 GMT"],
  ["location", "https://www.example.com"],
  ["content-encoding", "gzip"],
  ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
];

// RFC 7541, appendix C: one connection each; the tables carry over from block to block.
const EXCHANGES: readonly Exchange[] = [
  {
    title: "C.3 requests without Huffman coding",
    tableBytes: 4096,
    huffman: false,
    blocks: [
      [REQUEST_1, "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d"],
      [REQUEST_2, "8286 84be 5808 6e6f 2d63 6163 6865"],
      [REQUEST_3, "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"],
    ],
  },
  {
    title: "C.4 requests with Huffman coding",
    tableBytes: 4096,
    huffman: true,
    blocks: [
      [REQUEST_1, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"],
      [REQUEST_2, "8286 84be 5886 a8eb 1064 9cbf"],
      [REQUEST_3, "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"],
    ],
  },
  {
    title: "C.5 responses without Huffman coding, with eviction",
    tableBytes: 256,
    huffman: false,
    blocks: [
      [
        RESPONSE_1,
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      ],
      [RESPONSE_2, "4803 3330 37c1 c0bf"],
      [
        RESPONSE_3,
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
         7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
         6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
      ],
    ],
  },
  {
    title: "C.6 responses with Huffman coding, with eviction",
    tableBytes: 256,
    huffman: true,
    blocks: [
      [
        RESPONSE_1,
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
      ],
      [RESPONSE_2, "4883 640e ffc1 c0bf"],
      [
        RESPONSE_3,
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
         e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
    ],
  },
];

describe("HPACK against RFC 7541", () => {
  for (const { title, tableBytes, huffman, blocks } of EXCHANGES) {
    it(`decodes ${title}`, () => {
      const decoder = new HpackDecoder(tableBytes);
      for (const [fields, block] of blocks) assert.deepEqual(decode(decoder, hex(block)), fields);
    });

    it(`encodes ${title}`, () => {
      const encoder = new HpackEncoder(tableBytes, huffman);
      for (const [fields, block] of blocks)
        assert.equal(encode(encoder, fields).toString("hex"), hex(block).toString("hex"));
    });
  }

  it("decodes C.2, each kind of field by itself", () => {
    const kept = new HpackDecoder();
    const literal = hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572");
    assert.deepEqual(decode(kept, literal), [["custom-key", "custom-header"]]);
    assert.deepEqual(decode(kept, hex("be")), [["custom-key", "custom-header"]]);

    const other = new HpackDecoder();
    assert.deepEqual(decode(other, hex("040c 2f73 616d 706c 652f 7061 7468")), [[":path", "/sample/path"]]);
    assert.deepEqual(decode(other, hex("1008 7061 7373 776f 7264 0673 6563 7265 74")), [["password", "secret"]]);
    assert.deepEqual(decode(other, hex("82")), [[":method", "GET"]]);
    // Neither of the two literals entered the table.
    assert.throws(() => decode(other, hex("be")), Http2Error);
  });

  it("decodes C.1, integers over the prefix", () => {
    // Index 1337 with a 7-bit prefix: 127, then 1210 in groups of seven bits.
    assert.throws(() => decode(new HpackDecoder(), hex("ff ba09")), /no entry 1337 in the table/);
  });
});

describe("HPACK decoder", () => {
  const refused = (block: string, message: RegExp): void => {
    assert.throws(
      () => decode(new HpackDecoder(), hex(block)),
      (error: unknown) => {
        assert.ok(error instanceof Http2Error);
        assert.equal(error.code, ERROR_CODE.compressionError);
        assert.match(error.message, message);
        return true;
      },
    );
  };

  it("refuses what breaks the format", () => {
    refused("80", /no entry 0/);
    refused("40", /ends within a field/);
    refused("400a 6375", /longer than the block/);
    refused("ff ffff ffff ffff", /integer too large/);
    refused("ff 8080 8080 8080 8080", /integer too large/);
    refused("ff 80", /ends within/);
    refused("3f e2 1f", /table size 4097 is over the limit 4096/);
    refused("82 20", /table size update after a field/);
  });

  it("refuses Huffman codes with EOS, or with padding that is long or not of ones", () => {
    refused("0001 6184 ffff ffff", /Huffman/);
    refused("0001 6182 1fff", /Huffman/);
    refused("0001 6181 18", /Huffman/);
    assert.deepEqual(decode(new HpackDecoder(), hex("0001 6181 1f")), [["a", "a"]]);
  });

  it("evicts on a table size update, and takes one that grows again", () => {
    const decoder = new HpackDecoder();
    decode(decoder, hex("4001 6101 62"));
    assert.deepEqual(decode(decoder, hex("be")), [["a", "b"]]);
    assert.throws(() => decode(decoder, hex("20 3f e1 1f be")), /no entry 62/);
  });
});

describe("HPACK encoder", () => {
  it("repeats a request in one byte per field, and says whether the bytes still hold", () => {
    const encoder = new HpackEncoder();
    const fields: HeaderField[] = [...REQUEST_1, ["te", "trailers"]];
    encode(encoder, fields);
    const { changes } = encoder;
    assert.equal(encode(encoder, fields).length, fields.length);
    assert.equal(encoder.changes, changes);
    encode(encoder, [["another", "field"]]);
    assert.notEqual(encoder.changes, changes);
  });

  it("announces the smallest and the last table size the peer set", () => {
    const encoder = new HpackEncoder();
    encode(encoder, REQUEST_3);
    encoder.limitTable(0);
    encoder.limitTable(100);
    const decoder = new HpackDecoder();
    const block = encode(encoder, REQUEST_3);
    assert.equal(block.subarray(0, 3).toString("hex"), "203f45");
    assert.deepEqual(decode(decoder, block), REQUEST_3);
    assert.deepEqual(decode(decoder, encode(encoder, REQUEST_3)), REQUEST_3);
  });

  it("is undone by the decoder, for any fields over any table", () => {
    const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)) });
    // Few names, so that entries are found again.
    const field = fc.tuple(
      fc.constantFrom(":path", "te", "x-one", "x-two", ""),
      fc.oneof(fc.constantFrom("a", "b"), octets),
    );
    const blocks = fc.array(fc.record({ fields: fc.array(field), limit: fc.option(fc.nat(300)) }));
    fc.assert(
      fc.property(blocks, fc.boolean(), (sequence, huffman) => {
        const encoder = new HpackEncoder(4096, huffman);
        const decoder = new HpackDecoder();
        for (const { fields, limit } of sequence) {
          if (limit !== null) encoder.limitTable(limit);
          assert.deepEqual(decode(decoder, encode(encoder, fields)), fields);
        }
      }),
    );
  });
});

describe("the Huffman code", () => {
  it("codes every octet", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => {
        const text = Buffer.from(octets).toString("latin1");
        const bytes = Buffer.alloc(huffmanBytes(text));
        encodeHuffman(text, bytes, 0);
        assert.equal(decodeHuffman(bytes, 0, bytes.length), text);
      }),
    );
  });
});
