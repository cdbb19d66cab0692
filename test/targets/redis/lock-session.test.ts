import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { USER_ERRORS, UserError } from "../../../src/base/user-error.js";
import { createRedisDriver } from "../../../src/targets/redis/driver.js";
import { RedisError } from "../../../src/targets/redis/errors.js";
import { redis as redisTarget } from "../../../src/targets/redis/kind.js";
import { RedisLockSession } from "../../../src/targets/redis/lock-session.js";

const limit = { timeout: 20_000 };

/** A command that the session sent, and how it is answered. */
interface Command {
  readonly words: readonly string[];
  readonly socket: Socket;
  answer(reply: string): void;
}

/** A server that answers ROLE and SUBSCRIBE by itself, and hands out all else. */
class ScriptedRedis {
  port = 0;
  /** So many of the next connections are closed at once. */
  refusals = 0;
  private readonly commands: Command[] = [];
  private readonly subscribers = new Set<Socket>();
  private readonly refusal: string | undefined;
  private wake: () => void = () => undefined;

  private constructor(refusal: string | undefined) {
    this.refusal = refusal;
  }

  /** `refusal` is what it answers to everything. */
  static async start(context: TestContext, refusal?: string): Promise<ScriptedRedis> {
    const scripted = new ScriptedRedis(refusal);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      if (scripted.refusals > 0) {
        scripted.refusals--;
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.on("error", () => undefined);
      let rest = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        rest = scripted.receive(rest + text, socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    context.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    scripted.port = (server.address() as { port: number }).port;
    return scripted;
  }

  async next(name: string): Promise<Command> {
    while (this.commands.length === 0)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    const command = this.commands.shift() as Command;
    assert.equal(command.words[0], name, command.words.join(" "));
    return command;
  }

  publish(channel: string): void {
    const message = `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$0\r\n\r\n`;
    for (const socket of this.subscribers) socket.write(message);
  }

  cutSubscribers(): void {
    for (const socket of this.subscribers) socket.destroy();
    this.subscribers.clear();
  }

  private receive(text: string, socket: Socket): string {
    let rest = text;
    for (;;) {
      const parts = rest.split("\r\n");
      const words = Number(parts[0]?.slice(1));
      if (parts.length <= words * 2 + 1) return rest;
      const command = Array.from({ length: words }, (_, index) => parts[2 + index * 2] as string);
      rest = parts.slice(1 + words * 2).join("\r\n");
      if (this.refusal !== undefined) socket.write(`${this.refusal}\r\n`);
      else if (command[0] === "ROLE") socket.write("*1\r\n$6\r\nmaster\r\n");
      else if (command[0] === "SUBSCRIBE") {
        this.subscribers.add(socket);
        socket.write("*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
      } else {
        this.commands.push({ words: command, socket, answer: (reply) => socket.write(`${reply}\r\n`) });
        this.wake();
      }
    }
  }
}

async function opened(
  context: TestContext,
  sessionTimeoutMs = 10_000,
): Promise<{ readonly redis: ScriptedRedis; readonly session: RedisLockSession }> {
  const redis = await ScriptedRedis.start(context);
  const members = [{ host: "127.0.0.1", port: redis.port }];
  const session = new RedisLockSession({ members, index: 0, root: "/r", sessionTimeoutMs });
  context.after(() => session.close());
  await session.open();
  return { redis, session };
}

const isLost = (error: unknown) => error instanceof RedisError && error.code === "LEASELOST";

test("a free lock is set to a token for the lease, and released by that token", limit, async (context) => {
  const { redis, session } = await opened(context);
  const acquiring = session.acquire(3);
  const set = await redis.next("SET");
  const [, key, token, ...options] = set.words;
  assert.deepEqual([key, ...options], ["/r/lock/3", "NX", "PX", "10000"]);
  set.answer("+OK");
  (await redis.next("PTTL")).answer(":10000");
  assert.deepEqual(await acquiring, { fencingToken: undefined });
  const releasing = session.release(3);
  const release = await redis.next("EVAL");
  assert.match(release.words[1] ?? "", /GET'.*DEL'.*PUBLISH'/s);
  assert.deepEqual(release.words.slice(2), ["1", "/r/lock/3", token, "/r/released/3"]);
  release.answer(":1");
  await releasing;
});

test(
  "a lock that is held is tried again at a release, even one that comes before the refusal",
  limit,
  async (context) => {
    const { redis, session } = await opened(context);
    const acquiring = session.acquire(0);
    const set = await redis.next("SET");
    const ttl = await redis.next("PTTL");
    redis.publish("/r/released/0");
    // Another connection than the message's: read after it only once the session has counted it.
    while (session.events === 0) await new Promise((resolve) => setImmediate(resolve));
    set.answer("$-1");
    ttl.answer(":600000");
    const again = await redis.next("SET");
    assert.equal(again.words[2], set.words[2], "with the same token");
    again.answer("$-1");
    (await redis.next("PTTL")).answer(":600000");
    redis.publish("/r/released/0");
    (await redis.next("SET")).answer("+OK");
    (await redis.next("PTTL")).answer(":10000");
    await acquiring;
    assert.equal(session.events, 2);
  },
);

test(
  "a lost connection for messages is made again, and the lock tried again, as one may have been missed",
  limit,
  async (context) => {
    const { redis, session } = await opened(context);
    const acquiring = session.acquire(0);
    (await redis.next("SET")).answer("$-1");
    (await redis.next("PTTL")).answer(":600000");
    redis.cutSubscribers();
    (await redis.next("SET")).answer("+OK");
    (await redis.next("PTTL")).answer(":10000");
    await acquiring;
  },
);

test("a lock whose holder does not release it is tried again when its lease has run out", limit, async (context) => {
  const { redis, session } = await opened(context);
  const acquiring = session.acquire(0);
  (await redis.next("SET")).answer("$-1");
  (await redis.next("PTTL")).answer(":30");
  (await redis.next("SET")).answer("+OK");
  (await redis.next("PTTL")).answer(":10000");
  await acquiring;
});

test("where the answer to a grant is lost, the key is known again by its token", limit, async (context) => {
  const { redis, session } = await opened(context);
  const acquiring = session.acquire(0);
  const set = await redis.next("SET");
  await redis.next("PTTL");
  set.socket.destroy();
  const renew = await redis.next("EVAL");
  assert.match(renew.words[1] ?? "", /PEXPIRE/);
  assert.deepEqual(renew.words.slice(3), ["/r/lock/0", set.words[2], "10000"]);
  renew.answer(":1");
  await acquiring;
});

test("where the answer to a release is lost, a key that is gone is no loss; else it is", limit, async (context) => {
  const { redis, session } = await opened(context);
  for (const lost of [true, false]) {
    const acquiring = session.acquire(0);
    (await redis.next("SET")).answer("+OK");
    (await redis.next("PTTL")).answer(":10000");
    await acquiring;
    const releasing = session.release(0);
    releasing.catch(() => undefined);
    if (lost) (await redis.next("EVAL")).socket.destroy();
    (await redis.next("EVAL")).answer(":0");
    if (lost) await releasing;
    else await assert.rejects(releasing, isLost);
  }
});

test(
  "a release that no connection was there for is sent once, and a key that is gone is a loss",
  limit,
  async (context) => {
    const { redis, session } = await opened(context);
    const acquiring = session.acquire(0);
    const set = await redis.next("SET");
    set.answer("+OK");
    const ttl = await redis.next("PTTL");
    redis.refusals = 2;
    ttl.answer(":10000");
    await acquiring;
    set.socket.destroy();
    // The session knows of it once it tries to connect again.
    while (redis.refusals === 2) await new Promise((resolve) => setImmediate(resolve));
    const releasing = session.release(0);
    releasing.catch(() => undefined);
    (await redis.next("EVAL")).answer(":0");
    await assert.rejects(releasing, isLost);
    assert.equal(redis.refusals, 0, "tries without a connection came before");
  },
);

test("a server that asks for a password is told of at once, with what to do", limit, async (context) => {
  const redis = await ScriptedRedis.start(context, "-NOAUTH Authentication required.");
  const members = [{ host: "127.0.0.1", port: redis.port }];
  for (const refused of [() => createRedisDriver(members), () => redisTarget.attach(members)]) {
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.kind, USER_ERRORS.targetRefuses);
      assert.match(
        error.message,
        /^redis at 127\.0\.0\.1:\d+ does not serve this client \(NOAUTH: Authentication required\.\)/,
      );
      return true;
    });
  }
});

test(
  "a lease is kept alive, and lost when the key is another's or no answer comes in its time",
  limit,
  async (context) => {
    const { redis, session } = await opened(context, 300);
    const acquire = async (): Promise<void> => {
      const acquiring = session.acquire(0);
      (await redis.next("SET")).answer("+OK");
      (await redis.next("PTTL")).answer(":300");
      await acquiring;
    };
    await acquire();
    for (let renewals = 0; renewals < 4; renewals++) (await redis.next("EVAL")).answer(":1");
    (await redis.next("EVAL")).answer(":0");
    // The answer is on its way to the session when this asks for the release: whichever comes first, the lock was lost.
    const releasing = session.release(0);
    releasing.catch(() => undefined);
    const refused = redis.next("EVAL").then((release) => release.answer(":0"));
    await assert.rejects(releasing, isLost);
    void refused;
  },
);
