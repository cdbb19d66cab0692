import assert from "node:assert/strict";
import { Socket } from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  CONNECTION_LOST,
  CONNECTION_WINDOW_BYTES,
  Http2Connection,
  RequestHeaders,
  STREAM_WINDOW_BYTES,
  type StreamSink,
} from "../../../../src/targets/etcd/http2/connection.js";
import { ERROR_CODE, FLAG, FRAME, SETTING } from "../../../../src/targets/etcd/http2/frames.js";
import { type Http2Peer, Http2PeerServer } from "../../../support/http2-peer.js";

/** Everything the connection says, in order; a test awaits the part it is about. */
class Recorder implements StreamSink {
  readonly events: string[] = [];
  private wake: () => void = () => {};
  onEnded: (cell: number) => void = () => {};

  ready(): void {
    this.add("ready");
  }
  field(cell: number, name: string, value: string): void {
    this.add(`field ${cell} ${name}=${value}`);
  }
  data(cell: number, bytes: Buffer, start: number, end: number): void {
    this.add(`data ${cell} ${end - start <= 20 ? bytes.toString("latin1", start, end) : `${end - start} bytes`}`);
  }
  ended(cell: number, code: number): void {
    this.add(`ended ${cell} ${code}`);
    this.onEnded(cell);
  }
  room(): void {
    this.add("room");
  }
  draining(): void {
    this.add("draining");
  }
  closed(reason: string): void {
    this.add(`closed: ${reason}`);
  }

  /** Without the many calls that only say that something may be possible. */
  get told(): string[] {
    return this.events.filter((event) => event !== "room");
  }

  async until(event: string | RegExp): Promise<void> {
    while (!this.events.some((told) => (typeof event === "string" ? told === event : event.test(told)))) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private add(event: string): void {
    this.events.push(event);
    this.wake();
  }
}

const headers = (): RequestHeaders =>
  new RequestHeaders([
    [":method", "POST"],
    [":path", "/some/path"],
  ]);

describe("Http2Connection", { timeout: 20_000 }, () => {
  let server: Http2PeerServer;
  let sink: Recorder;
  let connection: Http2Connection;
  let peer: Http2Peer;

  beforeEach(async () => {
    server = await Http2PeerServer.start(20_000);
    sink = new Recorder();
  });

  afterEach(() => {
    connection.abort("the test is over");
    server.stop();
  });

  async function connect(settings: readonly (readonly [number, number])[] = [], silenceMs = 60_000): Promise<void> {
    connection = new Http2Connection({ address: server.address, streamsMax: 8, silenceMs }, sink);
    peer = await server.peer(0);
    peer.sendSettings(settings);
    await sink.until("ready");
  }

  function send(cell: number, body: string | Buffer, endStream = true): void {
    const writer = connection.beginData();
    const start = writer.offset;
    writer.raw(Buffer.from(body));
    connection.endData(cell, start, endStream);
  }

  /** The peer has handled everything sent so far: it answers pings in order. */
  async function roundTrip(): Promise<void> {
    const count = peer.of(FRAME.ping).length;
    peer.send(FRAME.ping, 0, 0, Buffer.from("roundtrp"));
    await peer.until(() => peer.of(FRAME.ping).length > count, "the answer to a ping");
  }

  it("begins with the preface and its settings, and acknowledges the peer's", async () => {
    await connect();
    await peer.until(() => peer.of(FRAME.settings).length === 2, "an acknowledgement");
    const [first, second] = peer.of(FRAME.settings);
    assert.equal(peer.frames[0], first);
    assert.equal(second?.flags, FLAG.ack);
    const update = await peer.frame(FRAME.windowUpdate, 0);
    assert.equal(update.payload.readUInt32BE(0), CONNECTION_WINDOW_BYTES - 65_535);
  });

  it("sends a request in one HEADERS and one DATA frame, and the next one's headers as indices", async () => {
    await connect();
    const request = headers();
    send(connection.open(request), "one");
    send(connection.open(request), "two");
    send(connection.open(request), "three");
    await peer.until(() => peer.body(5).length === 5, "the third body");
    const blocks = peer.of(FRAME.headers);
    for (const block of blocks) assert.deepEqual(peer.fields(block), request.fields);
    assert.deepEqual(
      blocks.map((block) => [block.streamId, block.flags, block.payload.length < 3]),
      [
        [1, FLAG.endHeaders, false],
        [3, FLAG.endHeaders, true],
        [5, FLAG.endHeaders, true],
      ],
    );
    assert.equal(peer.body(3).toString(), "two");
    assert.equal(peer.of(FRAME.data, 3)[0]?.flags, FLAG.endStream);
  });

  it("writes once for all that one turn sends", async (context) => {
    await connect();
    await roundTrip();
    const write = context.mock.method(Socket.prototype, "write");
    for (let call = 0; call < 5; call++) send(connection.open(headers()), "body");
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(write.mock.callCount(), 1);
    await peer.until(() => peer.body(9).length === 4, "the last body");
  });

  it("hands over headers, data and trailers, padded or with priority", async () => {
    await connect();
    const cell = connection.open(headers());
    send(cell, "?");
    const block = peer.block([[":status", "200"]]);
    peer.send(
      FRAME.headers,
      FLAG.endHeaders | FLAG.padded | FLAG.priority,
      1,
      Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 7]), block, Buffer.alloc(3)]),
    );
    peer.send(FRAME.data, FLAG.padded, 1, Buffer.from("\x02answer\0\0", "latin1"));
    peer.send(FRAME.data, 0, 1);
    peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
    await sink.until(`ended ${cell} 0`);
    assert.deepEqual(sink.told, [
      "ready",
      `field ${cell} :status=200`,
      `data ${cell} answer`,
      `data ${cell} `,
      `field ${cell} grpc-status=0`,
      `ended ${cell} 0`,
    ]);
  });

  it("puts a header block together from CONTINUATION frames", async () => {
    await connect();
    const cell = connection.open(headers());
    send(cell, "?");
    const block = peer.block([
      ["grpc-status", "5"],
      ["grpc-message", "x".repeat(300)],
    ]);
    peer.send(FRAME.headers, FLAG.endStream, 1, block.subarray(0, 7));
    peer.send(FRAME.continuation, 0, 1, block.subarray(7, 150));
    peer.send(FRAME.continuation, FLAG.endHeaders, 1, block.subarray(150));
    await sink.until(`ended ${cell} 0`);
    assert.ok(sink.events.includes(`field ${cell} grpc-message=${"x".repeat(300)}`));
  });

  it("keeps the header table right over headers of a stream that was given up", async () => {
    await connect();
    const given = connection.open(headers());
    send(given, "?");
    await peer.frame(FRAME.headers, 1);
    connection.cancel(given);
    assert.equal((await peer.frame(FRAME.rstStream, 1)).payload.readUInt32BE(0), ERROR_CODE.cancel);
    const kept = connection.open(headers());
    send(kept, "?");
    await peer.frame(FRAME.headers, 3);
    peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
    peer.sendHeaders(3, [["grpc-status", "0"]], FLAG.endStream);
    await sink.until(`ended ${kept} 0`);
    assert.deepEqual(sink.told.slice(1), [`field ${kept} grpc-status=0`, `ended ${kept} 0`]);
  });

  it("answers a ping with its bytes, also one that comes in pieces", async () => {
    await connect();
    const ping = Buffer.from("00000806000000000078797a7a7930313200".slice(0, 34), "hex");
    peer.write(ping.subarray(0, 4));
    await new Promise((resolve) => setImmediate(resolve));
    peer.write(ping.subarray(4, 12));
    await new Promise((resolve) => setImmediate(resolve));
    peer.write(ping.subarray(12));
    const answer = await peer.frame(FRAME.ping);
    assert.equal(answer.flags, FLAG.ack);
    assert.equal(answer.payload.toString(), "xyzzy012");
  });

  describe("sending under flow control", () => {
    it("holds a body back at the stream's window, and goes on as it opens", async () => {
      await connect([[SETTING.initialWindowSize, 10]]);
      send(connection.open(headers()), "0123456789abcdefghij");
      send(connection.open(headers()), "short");
      await peer.until(() => peer.body(3).length === 5, "the body that fits");
      assert.equal(peer.body(1).toString(), "0123456789");
      peer.sendWindowUpdate(1, 3);
      peer.sendWindowUpdate(1, 4);
      await peer.until(() => peer.body(1).length === 17, "the next part");
      await roundTrip();
      assert.equal(peer.body(1).length, 17);
      assert.ok(peer.of(FRAME.data, 1).every((frame) => frame.flags === 0));
      peer.sendWindowUpdate(1, 100);
      await peer.until(() => peer.body(1).length === 20, "the rest");
      assert.equal(peer.body(1).toString(), "0123456789abcdefghij");
      assert.equal(peer.of(FRAME.data, 1).at(-1)?.flags, FLAG.endStream);
    });

    it("never sends more than the connection's window over all streams, and then in the order of waiting", async () => {
      await connect([[SETTING.initialWindowSize, 1_000_000]]);
      const part = Buffer.alloc(30_000, "x");
      for (let call = 0; call < 4; call++) send(connection.open(headers()), part);
      const sent = (): number => peer.of(FRAME.data).reduce((sum, frame) => sum + frame.payload.length, 0);
      await peer.until(() => sent() === 65_535, "a full window");
      await roundTrip();
      assert.equal(sent(), 65_535);
      assert.equal(peer.body(5).length, 5_535);
      peer.sendWindowUpdate(0, 24_465);
      await peer.until(() => peer.body(5).length === 30_000, "the third body");
      await roundTrip();
      assert.equal(peer.body(7).length, 0);
      peer.sendWindowUpdate(0, 100_000);
      await peer.until(() => peer.body(7).length === 30_000, "the fourth body");
      assert.ok(peer.of(FRAME.data).every((frame) => frame.payload.length <= 16_384));
    });

    it("uses the frame size the peer allows", async () => {
      await connect([[SETTING.maxFrameSize, 20_000]]);
      send(connection.open(headers()), Buffer.alloc(45_000));
      await peer.until(() => peer.body(1).length === 45_000, "the body");
      assert.deepEqual(
        peer.of(FRAME.data).map((frame) => frame.payload.length),
        [20_000, 20_000, 5_000],
      );
    });

    it("sends nothing under a window the peer made negative, until it has recovered", async () => {
      await connect([[SETTING.initialWindowSize, 10]]);
      const cell = connection.open(headers());
      send(cell, "0123456789", false);
      peer.sendSettings([[SETTING.initialWindowSize, 4]]);
      await roundTrip();
      send(cell, "abc");
      peer.sendWindowUpdate(1, 6);
      await roundTrip();
      assert.equal(peer.body(1).toString(), "0123456789");
      peer.sendWindowUpdate(1, 2);
      await peer.until(() => peer.body(1).length === 12, "two bytes");
      peer.sendSettings([[SETTING.initialWindowSize, 1_000]]);
      await peer.until(() => peer.body(1).length === 13, "the last byte");
      assert.equal(peer.of(FRAME.data, 1).at(-1)?.flags, FLAG.endStream);
    });

    it("drops what was held back for a stream that ended", async () => {
      await connect([[SETTING.initialWindowSize, 4]]);
      const cell = connection.open(headers());
      send(cell, "0123456789");
      await peer.frame(FRAME.data, 1);
      peer.sendHeaders(1, [["grpc-status", "8"]], FLAG.endStream);
      await sink.until(`ended ${cell} 0`);
      assert.equal((await peer.frame(FRAME.rstStream, 1)).payload.readUInt32BE(0), ERROR_CODE.cancel);
      peer.sendWindowUpdate(1, 100);
      await roundTrip();
      assert.equal(peer.body(1).length, 4);
    });

    it("opens no more streams than the peer allows", async () => {
      await connect([[SETTING.maxConcurrentStreams, 2]]);
      const first = connection.open(headers());
      send(first, "a");
      send(connection.open(headers()), "b");
      assert.equal(connection.open(headers()), -1);
      await peer.frame(FRAME.headers, 3);
      peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
      await sink.until("room");
      const third = connection.open(headers());
      assert.notEqual(third, -1);
      send(third, "c");
      await peer.frame(FRAME.headers, 5);
      assert.equal(connection.open(headers()), -1);
    });

    it("leaves out the ids whose cell a long-lived stream holds", async () => {
      await connect();
      const long = connection.open(headers());
      send(long, "stays", false);
      let answered = 0;
      let lastId = 1;
      while (answered < 3 * connection.cells) {
        const cell = connection.open(headers());
        assert.notEqual(cell, long);
        send(cell, "x");
        await peer.until(() => (peer.of(FRAME.headers).at(-1)?.streamId ?? 0) > lastId, "the next stream");
        lastId = peer.of(FRAME.headers).at(-1)?.streamId as number;
        const told = sink.events.length;
        peer.sendHeaders(lastId, [["grpc-status", "0"]], FLAG.endStream);
        while (!sink.events.slice(told).includes(`ended ${cell} 0`))
          await new Promise((resolve) => setImmediate(resolve));
        answered++;
      }
      peer.sendHeaders(1, [["grpc-status", "7"]], FLAG.endStream);
      await sink.until(`field ${long} grpc-status=7`);
    });
  });

  describe("receiving under flow control", () => {
    it("opens the windows again in large steps", async () => {
      await connect();
      const cell = connection.open(headers());
      send(cell, "?");
      await peer.frame(FRAME.headers, 1);
      peer.sendHeaders(1, [[":status", "200"]]);
      const total = CONNECTION_WINDOW_BYTES * 2;
      // A peer that counts, and waits where a window is used up.
      let windows = { stream: STREAM_WINDOW_BYTES, connection: CONNECTION_WINDOW_BYTES };
      let granted = { stream: 0, connection: 0 };
      const chunk = Buffer.alloc(16_000);
      for (let sent = 0; sent < total; sent += chunk.length) {
        await peer.until(() => {
          const sum = (id: number): number =>
            peer.of(FRAME.windowUpdate, id).reduce((all, frame) => all + frame.payload.readUInt32BE(0), 0);
          const grants = { stream: sum(1), connection: sum(0) - (CONNECTION_WINDOW_BYTES - 65_535) };
          windows = {
            stream: windows.stream + grants.stream - granted.stream,
            connection: windows.connection + grants.connection - granted.connection,
          };
          granted = grants;
          return windows.stream >= chunk.length && windows.connection >= chunk.length;
        }, "a window");
        peer.send(FRAME.data, 0, 1, chunk);
        windows.stream -= chunk.length;
        windows.connection -= chunk.length;
      }
      assert.ok(peer.of(FRAME.windowUpdate, 0).length <= 1 + 4);
      assert.ok(peer.of(FRAME.windowUpdate, 1).length <= 2 * (total / STREAM_WINDOW_BYTES));
    });
  });

  it("ends the streams a GOAWAY leaves out, lets the others end, then closes", async () => {
    await connect();
    const first = connection.open(headers());
    send(first, "a");
    const second = connection.open(headers());
    send(second, "b");
    await peer.frame(FRAME.headers, 3);
    const goaway = Buffer.alloc(8);
    goaway.writeUInt32BE(1);
    peer.send(FRAME.goaway, 0, 0, goaway);
    await sink.until("draining");
    assert.deepEqual(sink.told.slice(1), [`ended ${second} ${ERROR_CODE.refusedStream}`, "draining"]);
    assert.equal(connection.accepting, false);
    assert.equal(connection.open(headers()), -1);
    peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
    await sink.until(/^closed/);
    assert.ok(sink.events.includes(`ended ${first} 0`));
    await peer.untilClosed();
  });

  it("says with what code a stream was reset", async () => {
    await connect();
    const cell = connection.open(headers());
    send(cell, "a");
    await peer.frame(FRAME.headers, 1);
    peer.send(FRAME.rstStream, 0, 1, Buffer.from([0, 0, 0, ERROR_CODE.enhanceYourCalm]));
    await sink.until(`ended ${cell} ${ERROR_CODE.enhanceYourCalm}`);
    assert.equal(connection.accepting, true);
  });

  it("ends every stream before it says that the connection is lost, and takes none meanwhile", async () => {
    await connect();
    const cells = [connection.open(headers()), connection.open(headers())];
    for (const cell of cells) send(cell, "a");
    const opened: number[] = [];
    sink.onEnded = () => opened.push(connection.open(headers()));
    await peer.frame(FRAME.headers, 3);
    peer.destroy();
    await sink.until(/^closed/);
    assert.deepEqual(
      sink.told.slice(1, 3),
      cells.map((cell) => `ended ${cell} ${CONNECTION_LOST}`),
    );
    assert.match(sink.told[3] as string, /^closed: /);
    assert.equal(sink.told.length, 4);
    assert.deepEqual(opened, [-1, -1]);
  });

  it("pings a silent peer, and gives it up without an answer", async () => {
    await connect([], 120);
    const cell = connection.open(headers());
    send(cell, "a");
    await peer.frame(FRAME.ping);
    await sink.until(/^closed: the server is silent/);
    assert.ok(sink.events.includes(`ended ${cell} ${CONNECTION_LOST}`));
  });

  it("keeps a peer that answers pings and nothing else", async () => {
    await connect([], 120);
    send(connection.open(headers()), "a");
    const ping = await peer.frame(FRAME.ping);
    peer.send(FRAME.ping, FLAG.ack, 0, ping.payload);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(connection.accepting, true);
  });

  describe("a peer that breaks the protocol", () => {
    const setting = (id: number, value: number): Buffer => {
      const payload = Buffer.alloc(6);
      payload.writeUInt16BE(id);
      payload.writeUInt32BE(value, 2);
      return payload;
    };
    const violations: readonly [what: string, code: number, act: (peer: Http2Peer) => void][] = [
      ["data on stream 0", ERROR_CODE.protocolError, (to) => to.send(FRAME.data, 0, 0)],
      ["headers on a stream never opened", ERROR_CODE.protocolError, (to) => to.sendHeaders(99, [[":status", "200"]])],
      ["a stream of the server's", ERROR_CODE.protocolError, (to) => to.sendHeaders(2, [[":status", "200"]])],
      [
        "PUSH_PROMISE",
        ERROR_CODE.protocolError,
        (to) => to.send(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.alloc(4)),
      ],
      ["CONTINUATION out of place", ERROR_CODE.protocolError, (to) => to.send(FRAME.continuation, 0, 1)],
      [
        "a header block that is interrupted",
        ERROR_CODE.protocolError,
        (to) => {
          to.send(FRAME.headers, 0, 1, Buffer.from([0x88]));
          to.send(FRAME.ping, 0, 0, Buffer.alloc(8));
        },
      ],
      [
        "a header block without end",
        ERROR_CODE.enhanceYourCalm,
        (to) => {
          to.send(FRAME.headers, 0, 1, Buffer.from([0x88]));
          for (let part = 0; part < 5; part++) to.send(FRAME.continuation, 0, 1, Buffer.alloc(16_384));
        },
      ],
      [
        "a header block that cannot be decoded",
        ERROR_CODE.compressionError,
        (to) => to.send(FRAME.headers, 4, 1, Buffer.from([0xff, 0x80, 0x7f])),
      ],
      [
        "more padding than payload",
        ERROR_CODE.protocolError,
        (to) => to.send(FRAME.data, FLAG.padded, 1, Buffer.from([2, 0])),
      ],
      [
        "padded headers that are too short",
        ERROR_CODE.frameSizeError,
        (to) => to.send(FRAME.headers, FLAG.endHeaders | FLAG.priority, 1, Buffer.alloc(3)),
      ],
      ["a ping of 7 bytes", ERROR_CODE.frameSizeError, (to) => to.send(FRAME.ping, 0, 0, Buffer.alloc(7))],
      ["settings of 5 bytes", ERROR_CODE.frameSizeError, (to) => to.send(FRAME.settings, 0, 0, Buffer.alloc(5))],
      ["settings on a stream", ERROR_CODE.protocolError, (to) => to.send(FRAME.settings, 0, 1)],
      [
        "an acknowledgement with a payload",
        ERROR_CODE.frameSizeError,
        (to) => to.send(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6)),
      ],
      [
        "an initial window over 2^31 - 1",
        ERROR_CODE.flowControlError,
        (to) => to.send(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, 2 ** 31)),
      ],
      [
        "a frame size below the least",
        ERROR_CODE.protocolError,
        (to) => to.send(FRAME.settings, 0, 0, setting(SETTING.maxFrameSize, 100)),
      ],
      ["a window update by 0", ERROR_CODE.protocolError, (to) => to.sendWindowUpdate(0, 0)],
      ["a connection window over 2^31 - 1", ERROR_CODE.flowControlError, (to) => to.sendWindowUpdate(0, 2 ** 31 - 1)],
      ["a stream window over 2^31 - 1", ERROR_CODE.flowControlError, (to) => to.sendWindowUpdate(1, 2 ** 31 - 1)],
      ["a reset of 3 bytes", ERROR_CODE.frameSizeError, (to) => to.send(FRAME.rstStream, 0, 1, Buffer.alloc(3))],
      ["a goaway of 7 bytes", ERROR_CODE.frameSizeError, (to) => to.send(FRAME.goaway, 0, 0, Buffer.alloc(7))],
      ["a frame of 16,385 bytes", ERROR_CODE.frameSizeError, (to) => to.send(FRAME.data, 0, 1, Buffer.alloc(16_385))],
    ];
    for (const [what, code, act] of violations) {
      it(`is told of ${what}`, async () => {
        await connect();
        const cell = connection.open(headers());
        send(cell, "a");
        await peer.frame(FRAME.headers, 1);
        act(peer);
        await sink.until(/^closed/);
        await peer.until(() => peer.of(FRAME.goaway).length > 0, "a GOAWAY");
        assert.equal(peer.of(FRAME.goaway)[0]?.payload.readUInt32BE(4), code);
        assert.ok(sink.events.includes(`ended ${cell} ${CONNECTION_LOST}`));
      });
    }

    it("is given up if it does not begin with SETTINGS", async () => {
      connection = new Http2Connection({ address: server.address, streamsMax: 8, silenceMs: 60_000 }, sink);
      peer = await server.peer(0);
      peer.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
      await sink.until(/^closed/);
      assert.equal(connection.accepting, false);
    });
  });

  it("passes over frames of unknown types, priorities, and what comes late for a stream that has ended", async () => {
    await connect();
    const cell = connection.open(headers());
    send(cell, "a");
    await peer.frame(FRAME.headers, 1);
    peer.send(0xfe, 0xff, 1, Buffer.from("what?"));
    peer.send(FRAME.priority, 0, 1, Buffer.alloc(5));
    peer.sendHeaders(1, [["grpc-status", "0"]], FLAG.endStream);
    await sink.until(`ended ${cell} 0`);
    peer.send(FRAME.rstStream, 0, 1, Buffer.alloc(4));
    peer.send(FRAME.data, FLAG.endStream, 1, Buffer.from("late"));
    peer.sendWindowUpdate(1, 10);
    await roundTrip();
    assert.equal(connection.accepting, true);
    assert.equal(sink.told.length, 3);
  });
});
