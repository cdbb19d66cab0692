import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { targetKind } from "../../../src/targets/kinds.js";
import type { Ensemble, Member } from "../../../src/targets/target.js";
import { leaderOf, PATIENT_PEERS } from "../../support/ensemble-load.js";
import { EventReader, put } from "./support.js";

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

describe("gateways of an ensemble", () => {
  it("write through any server, and read what was written: there at once, elsewhere with sync", async (context) => {
    const { leader, followers } = await start(context);
    const [follower, other] = followers.map(urlOf) as [string, string];
    assert.equal((await put(`${follower}/znodes/n`, "0", { "if-none-match": "*" })).status, 201);
    for (let count = 1; count <= 30; count++) {
      const written = await put(`${follower}/znodes/n`, `${count}`);
      assert.equal(written.status, 204);
      assert.equal(await (await fetch(`${follower}/znodes/n`)).text(), `${count}`, "at the follower it was sent to");
      for (const url of [urlOf(leader), other]) {
        assert.equal(await (await fetch(`${url}/znodes/n?sync`)).text(), `${count}`);
      }
      // A tag of one server is good at the others, also where that one has not seen the change yet.
      const tag = written.headers.get("etag")!;
      assert.equal((await put(`${other}/znodes/n`, `${count}`, { "if-match": tag })).status, 204);
      assert.equal((await put(`${follower}/znodes/n`, "stale", { "if-match": tag })).status, 412);
    }
  });

  it("keep a session, its ephemerals and its order at a follower, and end them everywhere", async (context) => {
    const { leader, followers } = await start(context);
    const url = urlOf(followers[0]!);
    const opened = await fetch(`${url}/sessions`, { method: "POST" });
    const { session } = (await opened.json()) as { session: string };
    const headers = { "zookeeper-session": session };
    const create = { ...headers, "if-none-match": "*" };
    assert.equal((await put(`${url}/znodes/e?mode=ephemeral`, "", create)).status, 201);
    await put(`${url}/znodes/n`, "", headers);
    for (let count = 0; count < 20; count++) {
      const written = put(`${url}/znodes/n`, `${count}`, headers);
      await written;
      assert.equal(await (await fetch(`${url}/znodes/n`, { headers })).text(), `${count}`);
    }
    assert.equal((await fetch(`${urlOf(leader)}/znodes/e?sync`)).status, 200);
    assert.equal((await fetch(`${url}/sessions/${session}`, { method: "DELETE" })).status, 204);
    assert.equal((await fetch(`${url}/znodes/e`)).status, 404);
    assert.equal((await fetch(`${urlOf(leader)}/znodes/e?sync`)).status, 404);
  });

  it("go on when the leader dies: sessions live, streams can be resumed, requests wait", async (context) => {
    const { leader, followers } = await start(context);
    const [url, other] = followers.map(urlOf) as [string, string];
    const { session } = (await (await fetch(`${url}/sessions`, { method: "POST" })).json()) as { session: string };
    const create = { "zookeeper-session": session, "if-none-match": "*" };
    await put(`${url}/znodes/e?mode=ephemeral`, "", create);
    await put(`${url}/znodes/w`, "before");
    const stream = await EventReader.open(context, `${url}/watches/w`);
    await stream.next();
    await leader.kill();
    const ended = await stream.next().catch(() => undefined);
    assert.equal(ended, undefined, "who cannot be told of changes is not kept waiting for them");
    const again = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": stream.lastEventId });
    assert.deepEqual([again.response.status, (await again.next())?.data["resumed"]], [200, true]);
    const written = await put(`${other}/znodes/w`, "after");
    assert.equal(written.status, 204);
    assert.equal((await again.next())?.event, "nodeDataChanged");
    assert.equal((await fetch(`${url}/sessions/${session}`, { method: "PUT" })).status, 204);
    const { ephemerals } = (await (await fetch(`${url}/sessions/${session}`)).json()) as { ephemerals: string[] };
    assert.deepEqual(ephemerals, ["/e"]);
    assert.equal((await fetch(`${other}/znodes/e?sync`)).status, 200);
  });
});
