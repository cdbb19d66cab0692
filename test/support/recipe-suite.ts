import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ClientOptions, connect, type ZooKeeperClient } from "../../src/client/client.js";
import { CuttingProxy } from "./cutting-proxy.js";
import { endSession } from "./end-session.js";
import { haveReal } from "./real.js";
import { describeAnnouncements } from "./recipes/announcements.js";
import { describeCoarseLock } from "./recipes/coarse-lock.js";
import { describeCounting } from "./recipes/counting.js";
import { describeDoubleBarrier } from "./recipes/double-barrier.js";
import { describeElection } from "./recipes/election.js";
import { describeLocks } from "./recipes/locks.js";
import { describeQueues } from "./recipes/queues.js";
import { describeSharing } from "./recipes/sharing.js";

export interface RecipeSubject {
  readonly title: string;
  readonly remedy: string;
  /** Undefined where it was not found: its tests are skipped then. */
  readonly start: (() => Promise<{ readonly port: number; stop(): Promise<void> }>) | undefined;
}

export interface Faulty {
  readonly client: ZooKeeperClient;
  /** For a path that no other case has used. */
  readonly path: string;
  /** "reply 3 lost": for messages of assertions. */
  readonly fault: string;
}

/** What the tests of recipes are given. Clients end with the test at the latest. */
export interface RecipeScene {
  open(options?: Partial<ClientOptions>): Promise<ZooKeeperClient>;
  openMany(count: number, options?: Partial<ClientOptions>): Promise<ZooKeeperClient[]>;
  path(): string;
  proxy(): Promise<CuttingProxy>;
  /** Ends the session on the server, and waits until the client knows. */
  kill(client: ZooKeeperClient): Promise<void>;
  /**
   * Runs `scenario` again and again, each time with a client whose connection is lost at another request: before that is
   * sent, or before its reply arrives; until there is none left to lose. With `expiry` the session ends there, too, and
   * the client renews it.
   */
  atEveryRequest(options: { readonly expiry: boolean }, scenario: (faulty: Faulty) => Promise<void>): Promise<void>;
  check(name: string, test: () => Promise<void>): void;
}

const SESSION_TIMEOUT_MS = 4_000;
const REQUESTS_MAX = 60;
const CHECK_TIMEOUT_MS = 40_000;
const QUICK = { sessionTimeoutMs: SESSION_TIMEOUT_MS, backoffMinMs: 1, backoffMaxMs: 5 };

/** What the recipes must do on whatever speaks ZooKeeper's protocol. */
export function describeRecipes(subject: RecipeSubject): void {
  describe(`the recipes on ${subject.title}`, { timeout: 240_000 }, () => {
    let server: { readonly port: number; stop(): Promise<void> } | undefined;
    const clients = new Set<ZooKeeperClient>();
    const proxies: CuttingProxy[] = [];
    let paths = 0;

    before(async () => {
      server = await subject.start?.();
    });
    after(async () => {
      await server?.stop();
    });

    async function closeAll(): Promise<void> {
      for (const proxy of proxies.splice(0)) proxy.stop();
      const left = [...clients];
      clients.clear();
      await Promise.all(left.map((client) => client.close()));
    }

    const portOf = (): number => server?.port ?? 0;

    const scene: RecipeScene = {
      open: async (options = {}) => {
        const client = await connect({ servers: `127.0.0.1:${portOf()}`, ...QUICK, ...options });
        clients.add(client);
        return client;
      },
      openMany: async (count, options) => await Promise.all(Array.from({ length: count }, () => scene.open(options))),
      path: () => `/recipes/${++paths}`,
      proxy: async () => {
        const proxy = await CuttingProxy.start(portOf());
        proxies.push(proxy);
        return proxy;
      },
      kill: async (client) => {
        const expired = new Promise<void>((resolve) => {
          client.on("state", ({ state }) => {
            if (state === "expired") resolve();
          });
        });
        await endSession(client, `127.0.0.1:${portOf()}`);
        await expired;
      },
      atEveryRequest: async ({ expiry }, scenario) => {
        const proxy = await scene.proxy();
        for (const when of ["beforeSend", "beforeReply"] as const) {
          let at = 1;
          for (; ; at++) {
            assert(at <= REQUESTS_MAX, `a scenario of more than ${REQUESTS_MAX} requests`);
            const client = await scene.open({ servers: proxy.address, renewSession: expiry });
            proxy.arm({
              at,
              when,
              ...(expiry ? { meanwhile: () => endSession(client, `127.0.0.1:${portOf()}`) } : {}),
            });
            const lost = when === "beforeSend" ? `request ${at} lost` : `reply ${at} lost`;
            await scenario({ client, path: scene.path(), fault: expiry ? `${lost}, session expired` : lost });
            const over = proxy.armed;
            proxy.arm();
            await client.close();
            clients.delete(client);
            if (over) break;
          }
          assert(at > 1, "the scenario sends something");
        }
      },
      check: (name, test) => {
        it(name, { timeout: CHECK_TIMEOUT_MS }, async (context) => {
          if (server === undefined) {
            haveReal(context, false, subject.title, subject.remedy);
            return;
          }
          // A server takes only so many connections from one address.
          context.after(closeAll);
          await test();
        });
      },
    };

    describeLocks(scene);
    describeSharing(scene);
    describeCoarseLock(scene);
    describeElection(scene);
    describeDoubleBarrier(scene);
    describeQueues(scene);
    describeCounting(scene);
    describeAnnouncements(scene);
  });
}

/** Looks again and again, with a round trip in between, until it holds; the test's own timeout ends it otherwise. */
export async function eventually(client: ZooKeeperClient, holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await client.sync("/");
}

/** Lets everything under way between these clients and the server arrive. */
export async function settle(...clients: readonly ZooKeeperClient[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await Promise.all(clients.map((client) => client.sync("/")));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Cuts one of the clients after the other until `done`. */
export async function cutAllTheTime(clients: readonly ZooKeeperClient[], done: () => boolean): Promise<void> {
  for (let victim = 0; !done(); victim++) {
    const client = clients[victim % clients.length] as ZooKeeperClient;
    await client.sync("/").catch(() => undefined);
    client.disconnect();
    await client.whenConnected();
  }
}

export function growing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] as number));
}
