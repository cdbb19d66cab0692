import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { randomBelow, SeededRandom } from "../../../src/base/random.js";
import { put, RawHttp, serveGateway } from "./support.js";

const HOST = "Host: localhost\r\n";
/** What a smuggler would have behind it. */
const SECOND = `PUT /znodes/smuggled HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx`;

/** Requests that a server is to refuse, for where each is in RFC 9112. */
const REFUSED: Readonly<Record<string, string>> = {
  "two hosts (3.2)": `GET /children HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`,
  "the same host twice": `GET /children HTTP/1.1\r\n${HOST}hOST: localhost\r\n\r\n`,
  "no host": "GET /children HTTP/1.1\r\n\r\n",
  "lengths that differ (6.3)": `PUT /znodes/a HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
  "a list of lengths": `PUT /znodes/a HTTP/1.1\r\n${HOST}Content-Length: 1, 2\r\n\r\nab`,
  "a signed length": `PUT /znodes/a HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\na`,
  "length and coding (6.1)": `PUT /znodes/a HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "coding and length": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n`,
  "an unknown coding (6.1)": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: br\r\n\r\n`,
  "an unknown coding before chunked": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  "an unknown coding in a header of its own": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "chunked twice": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  "a coding in HTTP/1.0 (6.1)": `PUT /znodes/a HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "bare line feeds (2.2)": "GET /children HTTP/1.1\nHost: localhost\n\n",
  "a bare line feed at the end": "GET /children HTTP/1.1\r\nHost: localhost\r\n\n",
  "a bare carriage return": "GET /children HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
  "a folded line (5.2)": `GET /children HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`,
  "a folded first line": `GET /children HTTP/1.1\r\n ${HOST}\r\n`,
  "white space before the colon (5.1)": `GET /children HTTP/1.1\r\n${HOST}X : y\r\n\r\n`,
  "a chunk that ends elsewhere (7.1)": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n`,
  "a negative chunk": `PUT /znodes/a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n`,
  "a target with a host of its own": `GET http://evil.example/children HTTP/1.1\r\n${HOST}\r\n`,
  "a target that is no path": `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  "another version": `GET /children HTTP/2.0\r\n${HOST}\r\n`,
  "no version": "GET /children\r\n\r\n",
};

describe("the framing of requests", () => {
  for (const [what, text] of Object.entries(REFUSED)) {
    it(`refuses ${what}, and closes the connection with all that follows`, async (context) => {
      const gateway = await serveGateway(context);
      const raw = await RawHttp.open(context, gateway.port);
      raw.socket.write(text + SECOND);
      assert.equal(await raw.finalStatus(), 400);
      assert.equal(raw.received.split("HTTP/1.1 ").length - 1, 1, raw.received);
      for (const path of ["smuggled", "a"]) assert.equal((await fetch(`${gateway.url}/znodes/${path}`)).status, 404);
    });
  }

  it("serves one request of HTTP/1.0, and closes", async (context) => {
    const gateway = await serveGateway(context);
    const raw = await RawHttp.open(context, gateway.port);
    raw.socket.write(`GET /children HTTP/1.0\r\n${HOST}\r\n`);
    assert.equal(await raw.finalStatus(), 200);
  });

  it("lives through whatever becomes of requests on the way, and so do other connections", async (context) => {
    const gateway = await serveGateway(context);
    const random = new SeededRandom(9112);
    const parts = [
      ...Object.values(REFUSED),
      SECOND,
      "\r\n",
      "\n",
      "\0",
      ": ",
      "HTTP/1.1",
      "Transfer-Encoding: chunked\r\n",
    ];
    const other = await RawHttp.open(context, gateway.port);
    const rounds = 150;
    for (let round = 0; round < rounds; round++) {
      let bytes = Buffer.from(parts[randomBelow(random, parts.length)]! + SECOND, "latin1");
      for (let left = 1 + randomBelow(random, 4); left > 0; left--) {
        const at = randomBelow(random, bytes.length + 1);
        const part = Buffer.from(parts[randomBelow(random, parts.length)]!, "latin1");
        const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
        switch (randomBelow(random, 4)) {
          case 0:
            bytes = Buffer.concat([before, part, after]);
            break;
          case 1:
            bytes = Buffer.concat([before, after.subarray(1 + randomBelow(random, 8))]);
            break;
          case 2:
            bytes = Buffer.concat([before, Buffer.from([randomBelow(random, 256)]), after.subarray(1)]);
            break;
          default:
            bytes = Buffer.concat([before, before.subarray(-16), after]);
        }
      }
      const raw = await RawHttp.open(context, gateway.port);
      raw.socket.end(bytes);
      await raw.finalStatus();
      other.received = "";
      other.socket.write(`GET /openapi.json HTTP/1.1\r\n${HOST}\r\n`);
      while (!other.received.endsWith("}\n")) await new Promise((resolve) => other.socket.once("data", resolve));
      assert.match(other.received, /^HTTP\/1\.1 200 /, `round ${round}`);
    }
    assert.equal((await put(`${gateway.url}/znodes/after`, "fine")).status, 201);
    assert.equal(gateway.server.httpGatewayPort, gateway.port);
  });
});
