import type { DriverSource } from "../../src/bench/load/driver-source.js";
import { connect, type ZooKeeperClient } from "../../src/client/client.js";
import { formatHost } from "../../src/client/connection-string.js";
import type {
  BarrierSession,
  CodisSession,
  ElectionSession,
  KafkaSession,
  NamingSession,
  QueueSession,
  Recipe,
  RecipeSessions,
  RoutingCommand,
  SessionOptions,
} from "../../src/targets/driver.js";
import type { Address } from "../../src/targets/target.js";
import { ZooKeeperDriver } from "../../src/targets/zookeeper/driver.js";
import { ZooKeeperHaSession } from "../../src/targets/zookeeper/ha-session.js";

/** The real sessions on real servers, each with one mistake that a client could make. */
export type SessionMistake =
  | "two-leaders"
  | "term-repeats"
  | "item-lost"
  | "item-doubled"
  | "item-swapped"
  | "entered-early"
  | "left-early"
  | "id-repeats"
  | "id-skipped"
  | "id-skipped-by-expiry"
  | "epoch-repeats"
  | "offset-goes-back"
  | "partition-owned-twice"
  | "command-missed"
  | "command-reordered"
  | "slot-row-stale"
  | "fence-ignored"
  | "fence-goes-back"
  | "writes-forgotten";

export function erringSource(members: readonly Address[], mistake: SessionMistake | undefined): DriverSource {
  return { module: import.meta.url, factory: "createErringDriver", parameters: [members, mistake] };
}

export function createErringDriver(members: readonly Address[], mistake: SessionMistake | undefined): ErringDriver {
  return new ErringDriver(members, mistake);
}

/** One in so many calls goes wrong. */
const EVERY = 2;

class ErringDriver extends ZooKeeperDriver {
  private readonly mistake: SessionMistake | undefined;

  constructor(members: readonly Address[], mistake: SessionMistake | undefined) {
    super("core", members);
    this.mistake = mistake;
  }

  override async openSession<R extends Recipe>(recipe: R, options: SessionOptions): Promise<RecipeSessions[R]> {
    if (recipe === "ha" && this.mistake === "fence-ignored") {
      const session = new UnfencedHaSession(await clientFor(options), () => clientFor(options), options.root);
      await session.open();
      return session as unknown as RecipeSessions[R];
    }
    const session = await super.openSession(recipe, options);
    if (this.mistake !== undefined) MISTAKES[this.mistake](session as never, options);
    return session;
  }
}

async function clientFor({ members, sessionTimeoutMs }: SessionOptions): Promise<ZooKeeperClient> {
  return await connect({ servers: members.map(formatHost).join(","), sessionTimeoutMs });
}

/** Writes without asking whether it still may. */
class UnfencedHaSession extends ZooKeeperHaSession {
  private readonly writer: ZooKeeperClient;

  constructor(client: ZooKeeperClient, connectElector: () => Promise<ZooKeeperClient>, root: string) {
    super(client, connectElector, root);
    this.writer = client;
  }

  protected override async writeGuarded(
    write: Parameters<ZooKeeperHaSession["writeGuarded"]>[0],
  ): ReturnType<ZooKeeperHaSession["writeGuarded"]> {
    return { stat: await this.writer.setData(write.path, write.data) };
  }
}

const MISTAKES: { readonly [M in SessionMistake]: (session: never, options: SessionOptions) => void } = {
  "two-leaders": (session: ElectionSession, { index }) => {
    if (index !== 1 || session.campaign === undefined) return;
    session.campaign = async () => ({ term: Date.now() });
    session.resign = async () => undefined;
  },
  "term-repeats": (session: ElectionSession) => {
    if (session.campaign === undefined) return;
    const campaign = session.campaign.bind(session);
    let before = 0;
    session.campaign = async () => {
      const { term } = await campaign();
      const told = before === 0 ? term : before;
      before = term;
      return { term: told };
    };
  },
  "item-lost": (session: QueueSession) => {
    erringDequeue(session, async (dequeue, signal) => {
      await dequeue(signal);
      return await dequeue(signal);
    });
  },
  "item-doubled": (session: QueueSession) => {
    erringDequeue(session, async (_, __, last) => last);
  },
  "item-swapped": (session: QueueSession) => {
    erringDequeue(session, async (dequeue, signal, last) => {
      await dequeue(signal);
      return last;
    });
  },
  "entered-early": (session: BarrierSession, { index }) => {
    const enter = session.enter.bind(session);
    const leave = session.leave.bind(session);
    let entering: Promise<void> = Promise.resolve();
    session.enter = async (parties) => {
      entering = enter(parties);
      if (index !== 0) await entering;
    };
    session.leave = async () => {
      await entering;
      await leave();
    };
  },
  "left-early": (session: BarrierSession, { index }) => {
    const enter = session.enter.bind(session);
    const leave = session.leave.bind(session);
    let leaving: Promise<void> = Promise.resolve();
    session.enter = async (parties) => {
      await leaving;
      await enter(parties);
    };
    session.leave = async () => {
      leaving = leave();
      if (index !== 0) await leaving;
    };
  },
  "id-repeats": (session: NamingSession) => {
    const nextId = session.nextId.bind(session);
    let calls = 0;
    let last = 0;
    session.nextId = async () => {
      if (++calls % EVERY !== 0) last = await nextId();
      return last;
    };
  },
  "id-skipped": (session: NamingSession) => {
    skipIds(session);
  },
  // No mistake: an id whose call the end of its session has cut off.
  "id-skipped-by-expiry": (session: NamingSession) => {
    const skipped = skipIds(session);
    Object.defineProperty(session, "expirations", { get: skipped });
  },
  "epoch-repeats": (session: KafkaSession) => {
    const becomeController = session.becomeController.bind(session);
    session.becomeController = async (broker, onGone) => {
      const epoch = await becomeController(broker, onGone);
      return epoch === undefined ? undefined : Math.max(1, epoch - (epoch % 2));
    };
  },
  "offset-goes-back": (session: KafkaSession) => {
    const fetchOffset = session.fetchOffset.bind(session);
    session.fetchOffset = async (group, partition) => Math.max(0, (await fetchOffset(group, partition)) - 1);
  },
  "partition-owned-twice": (session: KafkaSession) => {
    const claimPartition = session.claimPartition.bind(session);
    session.claimPartition = async (group, partition, consumer) => {
      await claimPartition(group, partition, consumer);
      return true;
    };
  },
  "command-missed": (session: CodisSession, { index }) => {
    erringFollow(session, index, async (command, handle) => {
      if (command.number % EVERY !== 0) await handle(command);
    });
  },
  "command-reordered": (session: CodisSession, { index }) => {
    let heldBack: RoutingCommand | undefined;
    erringFollow(session, index, async (command, handle) => {
      if (command.number % EVERY === 0) {
        heldBack = command;
        return;
      }
      await handle(command);
      if (heldBack !== undefined) await handle(heldBack);
      heldBack = undefined;
    });
  },
  "slot-row-stale": (session: CodisSession) => {
    const readSlot = session.readSlot.bind(session);
    session.readSlot = async (slot) => {
      const row = await readSlot(slot);
      return { ...row, command: Math.max(0, row.command - 1) };
    };
  },
  // In `openSession`: it takes a session of its own.
  "fence-ignored": () => undefined,
  "fence-goes-back": (session: RecipeSessions["ha"]) => {
    const fence = session.fence.bind(session);
    let before = 0;
    session.fence = async (node) => {
      const outcome = await fence(node);
      const epoch = before === 0 ? outcome.epoch : before;
      before = outcome.epoch;
      return { ...outcome, epoch };
    };
  },
  "writes-forgotten": (session: RecipeSessions["ha"]) => {
    const fence = session.fence.bind(session);
    session.fence = async (node) => {
      const outcome = await fence(node);
      return { ...outcome, writes: Math.max(0, outcome.writes - 1) };
    };
  },
};

/** Returns how many were skipped. */
function skipIds(session: NamingSession): () => number {
  const nextId = session.nextId.bind(session);
  let calls = 0;
  let skipped = 0;
  session.nextId = async () => {
    if (++calls % EVERY === 0) {
      await nextId();
      skipped++;
    }
    return await nextId();
  };
  return () => skipped;
}

type Dequeue = QueueSession["dequeue"];

function erringDequeue(
  session: QueueSession,
  err: (dequeue: Dequeue, signal: AbortSignal, last: Buffer | null) => Promise<Buffer | null>,
): void {
  const dequeue = session.dequeue.bind(session);
  let calls = 0;
  let last: Buffer | null = null;
  session.dequeue = async (signal) => {
    last = ++calls % EVERY === 0 ? await err(dequeue, signal, last) : await dequeue(signal);
    return last;
  };
}

type Handle = (command: RoutingCommand) => Promise<void>;

/** One proxy errs. */
function erringFollow(
  session: CodisSession,
  index: number,
  err: (command: RoutingCommand, handle: Handle) => Promise<void>,
): void {
  if (index !== 1) return;
  const follow = session.follow.bind(session);
  session.follow = async (proxy, handle) => await follow(proxy, (command) => err(command, handle));
}
