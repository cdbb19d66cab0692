import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { GATEWAY_LIMITS } from "../../../src/server/http-gateway/limits.js";
import { EventReader, put, serveGateway } from "./support.js";

async function multi(url: string, operations: readonly object[]): Promise<void> {
  const answer = await fetch(`${url}/multi`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ operations }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** The names of the next events, and which of them came while the reader was away. */
async function shown(reader: EventReader, count: number): Promise<string[]> {
  return (await reader.take(count)).map(({ event, data }) =>
    `${event} ${data["missed"] === true ? "missed" : ""}`.trim(),
  );
}

/** The heart of the streams beats when it is told to. */
function heart(context: TestContext): () => void {
  context.mock.timers.enable({ apis: ["setInterval"] });
  return () => context.mock.timers.tick(GATEWAY_LIMITS.heartbeatMs);
}

describe("a filtered stream of events that is resumed", () => {
  it("shows nothing twice where the last event of a transaction was left out", async (context) => {
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/w`, "0");
    const watch = `${url}/watches/w?events=data`;
    const first = await EventReader.open(context, watch);
    assert.deepEqual(await shown(first, 1), ["state"]);
    await multi(url, [
      { op: "setData", path: "/w", data: "MQ==" },
      { op: "create", path: "/w/a" },
    ]);
    assert.deepEqual(await shown(first, 1), ["nodeDataChanged"]);
    first.close();
    const again = await EventReader.open(context, watch, { "last-event-id": first.lastEventId });
    await put(`${url}/znodes/w`, "2");
    const events = await again.take(2);
    assert.deepEqual(
      events.map(({ event, data }) => [event, data["missed"]]),
      [
        ["state", undefined],
        ["nodeDataChanged", undefined],
      ],
    );
  });

  for (const filter of ["data", "children"] as const) {
    it(`misses and repeats nothing of ${filter}, however it is cut up`, async (context) => {
      const { url } = await serveGateway(context);
      await put(`${url}/znodes/w`, "0");
      const watch = `${url}/watches/w?events=${filter}`;
      const wanted = filter === "data" ? "nodeDataChanged" : "nodeChildrenChanged";
      let last: string | undefined;
      let zxidShown = "";
      for (let round = 0; round < 12; round++) {
        const reader = await EventReader.open(context, watch, last === undefined ? {} : { "last-event-id": last });
        const [state] = await reader.take(1);
        assert.equal(state!.data["gap"], last === undefined ? undefined : false);
        // While away, in each of three ways: nothing, what is wanted, what is not.
        if (round % 3 === 2) assert.deepEqual(await shown(reader, 1), [`${wanted} missed`]);
        const change = [
          { op: "setData", path: "/w", data: "MQ==" },
          { op: "create", path: `/w/${round}` },
        ];
        await multi(url, round % 2 === 0 ? change : change.reverse());
        const [event] = await reader.take(1);
        assert.deepEqual([event!.event, event!.data["missed"]], [wanted, undefined]);
        assert.notEqual(event!.data["zxid"], zxidShown);
        zxidShown = String(event!.data["zxid"]);
        last = reader.lastEventId;
        assert.equal(last, zxidShown);
        reader.close();
        const isData = (round % 3 === 1) === (filter === "data");
        if (round % 3 === 0) continue;
        if (isData) await put(`${url}/znodes/w`, "x");
        else await put(`${url}/znodes/w/away-${round}`, "");
      }
    });
  }

  it("goes on from a heartbeat: what was left out and what happened elsewhere is behind it", async (context) => {
    const beat = heart(context);
    const { url } = await serveGateway(context);
    await put(`${url}/znodes/w`, "0");
    const watch = `${url}/watches/w?events=data`;
    const recursive = `${url}/watches/w?recursive`;
    const readers = [await EventReader.open(context, watch), await EventReader.open(context, recursive)];
    for (const reader of readers) await reader.take(1);
    const before = readers[0]!.lastEventId;
    await put(`${url}/znodes/w/a`, "left out");
    const elsewhere = await put(`${url}/znodes/elsewhere`, "");
    beat();
    // Its id is there before the next event, and is that of the last write or of what came after it.
    await put(`${url}/znodes/w`, "1");
    await readers[1]!.take(2);
    const [event] = await readers[0]!.take(1);
    assert.equal(event!.event, "nodeDataChanged");
    const [, beatId] = readers[0]!.idsSeen.slice(-3) as [string, string];
    assert.equal(readers[0]!.idsSeen.length, 3, "the state's, the heartbeat's, the event's");
    assert.ok(Number.parseInt(beatId, 16) >= Number.parseInt(elsewhere.headers.get("zookeeper-zxid")!, 16));
    assert.notEqual(beatId, before);
    for (const reader of readers) reader.close();
    const resumed = await EventReader.open(context, watch, { "last-event-id": beatId });
    assert.deepEqual(await shown(resumed, 2), ["state", "nodeDataChanged missed"]);
    const now = await EventReader.open(context, recursive);
    await now.take(1);
    await put(`${url}/znodes/elsewhere`, "again");
    beat();
    await put(`${url}/znodes/w/a`, "told");
    await now.take(1);
    now.close();
    const later = await EventReader.open(context, recursive, { "last-event-id": now.idsSeen.at(-1)! });
    assert.equal((await later.take(1))[0]!.data["gap"], false, "nothing came since");
  });

  it("knows from a heartbeat that there is no znode", async (context) => {
    const beat = heart(context);
    const { url } = await serveGateway(context);
    const reader = await EventReader.open(context, `${url}/watches/w`);
    await reader.take(1);
    await put(`${url}/znodes/elsewhere`, "");
    beat();
    await put(`${url}/znodes/w`, "");
    await reader.take(1);
    assert.match(reader.idsSeen[1]!, /^0x[0-9a-f]+-absent$/);
    reader.close();
    const again = await EventReader.open(context, `${url}/watches/w`, { "last-event-id": reader.idsSeen[1]! });
    assert.deepEqual(await shown(again, 2), ["state", "nodeCreated missed"]);
  });
});
