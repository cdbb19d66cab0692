import type { StateChange, ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import type { MultiRequest } from "../../client/multi.js";
import { joinPath } from "../../client/paths.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import type { WatchEvent } from "../../client/watches.js";
import type { PubSubSession, SessionOptions, TopicMessage } from "../driver.js";
import { messageName, parseMessageName } from "../message-name.js";
import { flushEvents } from "./flush-events.js";

type Receive = (message: TopicMessage, order: number) => void;

interface Read {
  readonly name: string;
  readonly czxid: number;
}

/** A message is a node below its topic's node, which subscribers watch with a recursive persistent watch. */
export class ZooKeeperPubSubSession implements PubSubSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private readonly payload: Buffer;
  private readonly topics = new Set<number>();

  constructor(client: ZooKeeperClient, { root, valueBytes = 0 }: SessionOptions) {
    this.client = client;
    this.root = root;
    this.payload = Buffer.alloc(valueBytes, "m");
  }

  async publish({ topic, publisher, sequence }: TopicMessage, retained: number): Promise<void> {
    const folder = await this.folderOf(topic);
    const requests: MultiRequest[] = [
      { op: "create", path: joinPath(folder, messageName(publisher, sequence)), data: this.payload },
    ];
    if (sequence > retained) {
      requests.push({ op: "delete", path: joinPath(folder, messageName(publisher, sequence - retained)) });
    }
    try {
      await this.client.multi(requests);
    } catch (error) {
      // An earlier attempt whose reply was lost has published it.
      if (!isZooKeeperError(error, "NODEEXISTS")) throw error;
    }
  }

  async subscribe(topic: number, onMessage: Receive): Promise<void> {
    const folder = await this.folderOf(topic);
    const subscription = new Subscription(this.client, topic, folder, onMessage);
    await subscription.begin();
  }

  async flush(): Promise<void> {
    await flushEvents(this.client);
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async folderOf(topic: number): Promise<string> {
    const folder = `${this.root}/topic-${topic}`;
    if (!this.topics.has(topic)) await ensurePath(this.client, folder);
    this.topics.add(topic);
    return folder;
  }
}

/** Reads each message when an event tells of it, and after a lost connection those that no event has told of. */
class Subscription {
  private readonly client: ZooKeeperClient;
  private readonly topic: number;
  private readonly folder: string;
  private readonly onMessage: Receive;
  /** Messages are handed on one after the other, in the order in which they were asked for. */
  private handing: Promise<void> = Promise.resolve();
  /** Of each publisher: how far messages were found by reading the list; events of those come too late. */
  private readonly recovered = new Map<number, number>();
  private readonly handed = new Map<number, number>();

  constructor(client: ZooKeeperClient, topic: number, folder: string, onMessage: Receive) {
    this.client = client;
    this.topic = topic;
    this.folder = folder;
    this.onMessage = onMessage;
  }

  async begin(): Promise<void> {
    await this.client.addWatch(this.folder, "persistentRecursive", (event) => this.hear(event));
    this.client.on("state", (change: StateChange) => {
      if (change.state === "connected") this.handing = this.handing.then(() => this.recover());
    });
  }

  private hear(event: WatchEvent): void {
    if (event.type !== "nodeCreated" || event.path === this.folder) return;
    const reading = this.read(event.path.slice(this.folder.length + 1));
    this.handing = this.handing.then(async () => {
      const read = await reading;
      if (read === undefined) return;
      const { publisher, sequence } = parseMessageName(read.name);
      if (sequence > (this.recovered.get(publisher) ?? 0)) this.hand(read);
    });
  }

  private async recover(): Promise<void> {
    let names: readonly string[];
    try {
      names = (await this.client.getChildren(this.folder)).children;
    } catch (error) {
      // The next connection begins anew.
      if (isZooKeeperError(error, "CONNECTIONLOSS", "SESSIONEXPIRED", "NONODE")) return;
      throw error;
    }
    const missed = names.filter((name) => {
      const { publisher, sequence } = parseMessageName(name);
      return sequence > (this.handed.get(publisher) ?? 0);
    });
    const reads = await Promise.all(missed.map((name) => this.read(name)));
    const found = reads.filter((read) => read !== undefined).sort((left, right) => left.czxid - right.czxid);
    for (const read of found) {
      const { publisher, sequence } = parseMessageName(read.name);
      this.recovered.set(publisher, sequence);
      this.hand(read);
    }
  }

  private hand({ name, czxid }: Read): void {
    const { publisher, sequence } = parseMessageName(name);
    this.handed.set(publisher, sequence);
    this.onMessage({ topic: this.topic, publisher, sequence }, czxid);
  }

  /** Undefined where it could not be read, or is there no more. */
  private async read(name: string): Promise<Read | undefined> {
    try {
      const { stat } = await this.client.getData(joinPath(this.folder, name));
      return { name, czxid: stat.czxid };
    } catch (error) {
      if (isZooKeeperError(error, "CONNECTIONLOSS", "SESSIONEXPIRED", "NONODE")) return undefined;
      throw error;
    }
  }
}
