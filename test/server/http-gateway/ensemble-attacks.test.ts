import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { targetKind } from "../../../src/targets/kinds.js";
import type { Ensemble, Member } from "../../../src/targets/target.js";
import { leaderOf, PATIENT_PEERS } from "../../support/ensemble-load.js";
import { assertProblem, EventReader, put } from "./support.js";

async function start(context: TestContext): Promise<{ ensemble: Ensemble; leader: Member; followers: Member[] }> {
  const ensemble = await targetKind("core").start({ servers: 3, http: true, configuration: PATIENT_PEERS });
  context.after(() => ensemble.stop());
  const leader = await leaderOf(ensemble);
  return { ensemble, leader, followers: ensemble.members.filter((member) => member !== leader) };
}

function urlOf({ http }: Member): string {
  assert.ok(http, "the member serves HTTP");
  return `http://${http.host}:${http.port}`;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A path as it is, over an agent's connection; status 0 where the connection ended without an answer. */
function ask(agent: Agent, url: string, method: string, path: string, body = "", headers = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const asked = request({ agent, hostname, port, method, path, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, body: text }));
      answer.on("error", () => resolve({ status: 0, headers: {}, body: "" }));
    });
    asked.on("error", () => resolve({ status: 0, headers: {}, body: "" }));
    asked.end(body);
  });
}

/** Twice what a request waits for a leader, and what an ensemble of this machine may take to elect one. */
const HANGS_MS = 30_000;

describe("gateways of an ensemble, attacked", { timeout: 120_000 }, () => {
  it("answer every request while the leader dies, lose no write they answered, and end streams so that they resume", async (context) => {
    const { ensemble, leader, followers } = await start(context);
    const urls = followers.map(urlOf);
    await put(`${urls[0]}/znodes/c`, "");
    const agents = Array.from({ length: 12 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    context.after(() => {
      for (const agent of agents) agent.destroy();
    });
    for (const index of agents.keys()) await put(`${urls[0]}/znodes/c/${index}`, "-1");
    const streams = await Promise.all(urls.map((url) => EventReader.open(context, `${url}/watches/c/0`)));
    for (const stream of streams) await stream.take(1);
    const statuses = new Map<number, number>();
    const acknowledged: number[] = [];
    let killed = false;
    let slowestMs = 0;
    const until = new AbortController();
    const lanes = agents.map(async (agent, index) => {
      const url = urls[index % urls.length]!;
      for (let count = 0; !until.signal.aborted; count++) {
        const begin = performance.now();
        const written = await ask(agent, url, "PUT", `/znodes/c/${index}`, `${count}`);
        slowestMs = Math.max(slowestMs, performance.now() - begin);
        statuses.set(written.status, (statuses.get(written.status) ?? 0) + 1);
        if (written.status === 503) {
          assert.equal(written.headers["retry-after"], "1");
          assert.equal((JSON.parse(written.body) as { error: string }).error, "CONNECTIONLOSS");
          continue;
        }
        assert.equal(written.status, 204, written.body);
        acknowledged[index] = count;
        const read = await ask(agent, url, "GET", `/znodes/c/${index}`);
        // Lost between the two it may be refused, but what it shows is what this connection wrote.
        if (read.status === 200) assert.equal(read.body, `${count}`);
        else assert.equal(read.status, 503, read.body);
        if (killed && acknowledged.filter((last) => last >= 0).length === agents.length && count > 0) break;
      }
    });
    const timer = setTimeout(() => until.abort(), HANGS_MS);
    const done = Promise.all(lanes);
    // A lane that failed is told of at once: nobody waits for its next write.
    done.catch(() => until.abort());
    while (acknowledged.filter((last) => last > 3).length < agents.length && !until.signal.aborted) await sleep(1);
    await leader.kill();
    killed = true;
    await done;
    clearTimeout(timer);
    assert.ok(!until.signal.aborted, `no lane was still waiting: ${JSON.stringify([...statuses])}`);
    assert.ok(slowestMs < HANGS_MS / 2, `${slowestMs} ms`);
    await leaderOf(ensemble);
    for (const [index, last] of acknowledged.entries()) {
      const value = Number(await (await fetch(`${urls[(index + 1) % 2]}/znodes/c/${index}?sync`)).text());
      assert.ok(value >= last, `lane ${index}: ${value}, and ${last} was answered`);
    }
    for (const [index, stream] of streams.entries()) {
      for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
        assert.equal(event.event, "nodeDataChanged");
      }
      // What came last may have been seen before the end: this one was not.
      assert.equal((await put(`${urls[0]}/znodes/c/0`, "while nobody watched")).status, 204);
      // At the other server.
      const again = await EventReader.open(context, `${urls[1 - index]}/watches/c/0`, {
        "last-event-id": stream.lastEventId,
      });
      const [state] = await again.take(1);
      assert.deepEqual([state!.data["resumed"], state!.data["gap"]], [true, false]);
      assert.equal((await again.take(1))[0]!.event, "nodeDataChanged");
    }
  });

  it("say 503 to all that needs a quorum, soon, and serve again", async (context) => {
    const { ensemble, leader, followers } = await start(context);
    const [left, gone] = followers as [Member, Member];
    const url = urlOf(left);
    await put(`${url}/znodes/n`, "kept");
    const { session } = (await (await fetch(`${url}/sessions`, { method: "POST" })).json()) as { session: string };
    const own = { "zookeeper-session": session };
    assert.equal((await put(`${url}/znodes/e?mode=ephemeral`, "", { ...own, "if-none-match": "*" })).status, 201);
    const stream = await EventReader.open(context, `${url}/watches/n`);
    await stream.take(1);
    await Promise.all([leader.kill(), gone.kill()]);
    assert.equal(await stream.next().catch(() => undefined), undefined);
    const begin = performance.now();
    const answers = await Promise.all([
      put(`${url}/znodes/n`, "x"),
      fetch(`${url}/znodes/n`),
      fetch(`${url}/znodes/n?sync`),
      fetch(`${url}/children`),
      fetch(`${url}/watches/n`, { headers: { "last-event-id": stream.lastEventId } }),
      fetch(`${url}/sessions`, { method: "POST" }),
      fetch(`${url}/sessions/${session}`, { method: "PUT" }),
      put(`${url}/znodes/e`, "", own),
      fetch(`${url}/znodes/n`, { method: "DELETE" }),
    ]);
    assert.ok(performance.now() - begin < HANGS_MS / 2);
    for (const [index, answer] of answers.entries()) {
      assert.equal(answer.headers.get("retry-after"), "1", `answer ${index}`);
      await assertProblem(answer, 503, "CONNECTIONLOSS");
    }
    assert.equal((await fetch(`${url}/openapi.json`)).status, 200);
    await gone.restart();
    await leaderOf(ensemble);
    assert.equal(await (await fetch(`${url}/znodes/n?sync`)).text(), "kept");
    assert.equal((await put(`${url}/znodes/n`, "changed")).status, 204);
    const again = await EventReader.open(context, `${url}/watches/n`, { "last-event-id": stream.lastEventId });
    assert.equal((await again.take(1))[0]!.data["gap"], false);
  });

  it("take values up to the limit through a follower, and none beyond", async (context) => {
    const { leader, followers } = await start(context);
    const [url, other] = [urlOf(followers[0]!), urlOf(leader)];
    const large = Buffer.alloc(1_048_576 - 200, "large");
    assert.equal((await put(`${url}/znodes/large`, large)).status, 201);
    assert.equal((await put(`${url}/znodes/large`, large)).status, 204);
    assert.ok(Buffer.from(await (await fetch(`${other}/znodes/large?sync`)).arrayBuffer()).equals(large));
    await assertProblem(await put(`${url}/znodes/large`, Buffer.alloc(1_048_576)), 413);
    await assertProblem(await put(`${url}/znodes/large`, Buffer.alloc(4_000_000)), 413);
    assert.equal((await put(`${url}/znodes/large`, "small")).status, 204);
    assert.equal(await (await fetch(`${other}/znodes/large?sync`)).text(), "small");
  });

  it("know paths, methods and preconditions as a single server does", async (context) => {
    const { leader, followers } = await start(context);
    const [url, other] = [urlOf(followers[0]!), urlOf(leader)];
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    context.after(() => agent.destroy());
    for (const bad of [
      "/a%2Fb",
      "/a%2fb",
      "/a%00",
      "/a/..",
      "/a/%2e%2e/b",
      "/.",
      "/%ff",
      "/%c3%28",
      "/%",
      "/%zz",
      "/%ed%a0%80",
      "//a",
      "/a/",
      "/%01",
      "/%7f",
      "/%ef%bf%bf",
      "/%F0%9F%90%98",
    ]) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const answer = await ask(agent, url, method, `/znodes${bad}`);
        assert.equal(answer.status, 400, `${method} ${bad}: ${answer.body}`);
      }
    }
    const odd = "%C3%A9 %E8%B1%A1?#&+".replace(" ", "%20").replace("?", "%3F").replace("#", "%23");
    const created = await ask(agent, url, "PUT", `/znodes/${odd}`, "odd");
    assert.equal(created.status, 201);
    assert.equal((await ask(agent, other, "GET", `${created.headers["location"]}?sync`)).body, "odd");
    const { children } = JSON.parse((await ask(agent, url, "GET", "/children")).body) as { children: string[] };
    assert.ok(children.includes("é 象?#&+"));
    const head = await ask(agent, url, "HEAD", `/znodes/${odd}`);
    assert.deepEqual([head.status, head.headers["content-length"], head.body], [200, "3", ""]);
    for (const [method, path] of [
      ["POST", "/watches/a"],
      ["PATCH", "/znodes/a"],
      ["PUT", "/children/a"],
      ["OPTIONS", "/znodes/a"],
      ["TRACE", "/znodes/a"],
      ["DELETE", "/multi"],
    ] as const) {
      const answer = await ask(agent, url, method, path);
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.match(String(answer.headers["allow"]), /^[A-Z, ]+$/);
    }
    const first = await put(`${url}/znodes/v`, "1");
    const tag = first.headers.get("etag")!;
    assert.equal((await put(`${other}/znodes/v?`, "2", { "if-match": tag })).status, 204);
    for (const at of [url, other]) {
      await assertProblem(await put(`${at}/znodes/v`, "stale", { "if-match": tag }), 412, "BADVERSION");
      await assertProblem(await put(`${at}/znodes/v`, "stale", { "if-match": '"0"' }), 412, "BADVERSION");
      await assertProblem(await put(`${at}/znodes/v`, "new", { "if-none-match": "*" }), 412, "NODEEXISTS");
      await assertProblem(
        await fetch(`${at}/znodes/v`, { method: "DELETE", headers: { "if-match": tag } }),
        412,
        "BADVERSION",
      );
    }
    assert.equal(await (await fetch(`${url}/znodes/v?sync`)).text(), "2");
  });
});
