import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { runHttpLoad } from "../../../src/bench/http/autocannon.js";

async function serve(
  context: TestContext,
  listener: RequestListener,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, server };
}

test("a closed loop counts every answer, and times it in microseconds from the send", async (context) => {
  let answered = 0;
  const delayMs = 20;
  const { url } = await serve(context, (_request, response) => {
    setTimeout(() => {
      answered++;
      response.end("# metrics\n");
    }, delayMs);
  });
  const result = await runHttpLoad({ url, connections: 4, durationSeconds: 1 });
  assert.equal(result.errors, 0);
  assert.equal(result.non2xx, 0);
  assert.ok(result.latency);
  // What was under way when the time ended was answered by the server and not counted.
  assert.ok(
    result.latency.count <= answered && result.latency.count >= answered - 8,
    `${result.latency.count} of ${answered}`,
  );
  assert.ok(result.requestsPerSecond > 0 && result.requestsPerSecond <= (4 * 1_000) / (delayMs - 1));
  // A timer may fire up to a millisecond early, never more.
  assert.ok(result.latency.min >= (delayMs - 1) * 1_000, `${result.latency.min} µs`);
});

test("a rate is kept to, and one slow answer is one sample: nothing is made up for it", async (context) => {
  let requests = 0;
  const { url } = await serve(context, (_request, response) => {
    requests++;
    if (requests === 5) setTimeout(() => response.end("slow"), 400);
    else response.end("fast");
  });
  const result = await runHttpLoad({ url, connections: 1, durationSeconds: 2, rate: 20 });
  assert.ok(result.latency);
  assert.ok(result.latency.count <= requests, `${result.latency.count} samples of ${requests} requests`);
  assert.ok(result.requestsPerSecond <= 25, `${result.requestsPerSecond} per second`);
  assert.ok(result.latency.max >= 399_000);
});

test("other statuses and errors are counted apart, and are no samples", async (context) => {
  const { url, server } = await serve(context, (_request, response) => {
    response.statusCode = 503;
    response.end();
  });
  const refused = await runHttpLoad({ url, connections: 2, durationSeconds: 1 });
  assert.ok(refused.non2xx > 0);
  assert.deepEqual([refused.requestsPerSecond, refused.latency, refused.errors], [0, null, 0]);
  server.close();
  await once(server, "close");
  const closed = await runHttpLoad({ url, connections: 1, durationSeconds: 1 });
  assert.ok(closed.errors > 0);
  assert.equal(closed.latency, null);
});

test("a mistake in the options is an error", async () => {
  await assert.rejects(runHttpLoad({ url: "http://127.0.0.1:1/", connections: 0, durationSeconds: 1 }), /connections/);
});
