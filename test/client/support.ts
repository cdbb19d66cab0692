import type { TestContext } from "node:test";
import { type ClientOptions, type StateChange, ZooKeeperClient } from "../../src/client/client.js";
import type { Stat } from "../../src/jute/records.js";
import { type FakeConnection, FakeServer } from "../support/fake-server.js";

export const STAT: Stat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: 5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: 0n,
  dataLength: 0,
  numChildren: 0,
  pzxid: 1,
};

export interface Scene {
  readonly server: FakeServer;
  readonly client: ZooKeeperClient;
  readonly connection: FakeConnection;
  /** State changes after the first connection, as text: "disconnected", "connected resumed". */
  readonly states: string[];
}

/** A client with a session on a fake server; both end with the test. */
export async function connected(
  context: TestContext,
  options: Partial<ClientOptions> & { readonly chroot?: string; readonly grantedTimeoutMs?: number } = {},
): Promise<Scene> {
  const server = await FakeServer.start();
  const { chroot, grantedTimeoutMs, ...rest } = options;
  const client = new ZooKeeperClient({
    servers: server.address + (chroot ?? ""),
    sessionTimeoutMs: 10_000,
    backoffMinMs: 1,
    backoffMaxMs: 2,
    ...rest,
  });
  context.after(async () => {
    server.stop();
    await client.close();
  });
  const connection = await server.establish(grantedTimeoutMs === undefined ? {} : { timeoutMs: grantedTimeoutMs });
  await client.whenConnected();
  const states: string[] = [];
  client.on("state", (change) => states.push(textOf(change)));
  return { server, client, connection, states };
}

function textOf(change: StateChange): string {
  if (change.state === "connected") return `connected ${change.kind}`;
  if (change.state === "expired") return change.renewing ? "expired, renewing" : "expired";
  return change.state;
}

/** Resolves with the next state change of that name. */
export function nextState(client: ZooKeeperClient, state: StateChange["state"]): Promise<StateChange> {
  return new Promise((resolve) => {
    const check = (change: StateChange): void => {
      if (change.state !== state) return;
      client.off("state", check);
      resolve(change);
    };
    client.on("state", check);
  });
}
