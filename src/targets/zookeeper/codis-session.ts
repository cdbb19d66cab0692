import type { ZooKeeperClient } from "../../client/client.js";
import { isZooKeeperError } from "../../client/errors.js";
import type { MultiRequest } from "../../client/multi.js";
import { ensurePath } from "../../client/recipes/ensure-path.js";
import { Observation } from "../../client/recipes/observation.js";
import { overConnectionLoss } from "../../client/recipes/retry.js";
import { Signal } from "../../client/recipes/signal.js";
import type { CodisSession, RoutingCommand, SlotRow } from "../driver.js";

const FOLDERS = ["/slots", "/proxies", "/commands", "/acknowledgements"] as const;
const NUMBER_DIGITS = 10;
/** Creates in one transaction. */
const SLOTS_AT_ONCE = 128;
/** Reads under way at once. */
const READS_AT_ONCE = 256;

/**
 * The nodes of Codis: a row for each slot, proxies as ephemerals, and commands as nodes that every proxy watches for,
 * each with a folder for the proxies' acknowledgements. A command names those it is for, and goes when all have answered.
 */
export class ZooKeeperCodisSession implements CodisSession {
  private readonly client: ZooKeeperClient;
  private readonly root: string;
  private following: Observation | undefined;

  constructor(client: ZooKeeperClient, root: string) {
    this.client = client;
    this.root = root;
  }

  async open(): Promise<void> {
    for (const folder of FOLDERS) {
      await overConnectionLoss(this.client, () => ensurePath(this.client, this.root + folder));
    }
  }

  async createSlots(slots: number): Promise<void> {
    const data = encode({ group: 0, command: 0 } satisfies SlotRow);
    for (let first = 0; first < slots; first += SLOTS_AT_ONCE) {
      const count = Math.min(SLOTS_AT_ONCE, slots - first);
      await overConnectionLoss(this.client, async (again) => {
        try {
          await this.client.multi(
            Array.from(
              { length: count },
              (_, at): MultiRequest => ({ op: "create", path: this.slotPath(first + at), data }),
            ),
          );
        } catch (error) {
          if (!(again && isZooKeeperError(error, "NODEEXISTS"))) throw error;
        }
      });
    }
  }

  async writeSlot(slot: number, row: SlotRow): Promise<void> {
    await overConnectionLoss(this.client, () => this.client.setData(this.slotPath(slot), encode(row)));
  }

  async readSlot(slot: number): Promise<SlotRow> {
    const { data } = await overConnectionLoss(this.client, () => this.client.getData(this.slotPath(slot)));
    return JSON.parse(String(data)) as SlotRow;
  }

  async readSlots(slots: number): Promise<readonly SlotRow[]> {
    const rows: SlotRow[] = [];
    // What is read is no older than any command that this proxy is not among the receivers of.
    await overConnectionLoss(this.client, () => this.client.sync(this.root));
    for (let first = 0; first < slots; first += READS_AT_ONCE) {
      const count = Math.min(READS_AT_ONCE, slots - first);
      rows.push(...(await Promise.all(Array.from({ length: count }, (_, at) => this.readSlot(first + at)))));
    }
    return rows;
  }

  async registerProxy(proxy: number): Promise<void> {
    const path = this.proxyPath(proxy);
    await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.create(path, encode({ id: proxy, state: "online" }), { mode: "ephemeral" });
      } catch (error) {
        if (!(again && isZooKeeperError(error, "NODEEXISTS"))) throw error;
        if ((await this.client.exists(path))?.ephemeralOwner !== this.client.sessionId) throw error;
      }
    });
  }

  async broadcast(command: RoutingCommand, onAcknowledged: (proxy: number) => void): Promise<void> {
    const commandPath = this.commandPath(command.number);
    const folder = `${this.root}/acknowledgements/${numbered(command.number)}`;
    // A proxy that registered before this must be among the receivers, whatever server it is told by.
    await overConnectionLoss(this.client, () => this.client.sync(this.root));
    const receivers = await this.proxies(() => undefined);
    await overConnectionLoss(this.client, async (again) => {
      try {
        await this.client.multi([
          { op: "create", path: folder },
          { op: "create", path: commandPath, data: encode({ ...command, receivers }) },
        ]);
      } catch (error) {
        if (!(again && isZooKeeperError(error, "NODEEXISTS"))) throw error;
      }
    });
    await this.waitForAll(folder, receivers, onAcknowledged);
    await this.removeCommand(commandPath, folder);
  }

  async follow(proxy: number, handle: (command: RoutingCommand) => Promise<void>): Promise<AbortSignal> {
    let last = 0;
    const observation = new Observation({
      client: this.client,
      path: `${this.root}/commands`,
      mode: "persistent",
      refresh: async () => {
        const { children } = await this.client.getChildren(`${this.root}/commands`);
        for (const number of children.map(Number).sort((a, b) => a - b)) {
          if (number <= last) continue;
          const command = await this.readCommand(number);
          last = number;
          // Not for this proxy: it was there before the registration, or is gone already.
          if (command?.receivers.includes(proxy) !== true) continue;
          await handle({ number: command.number, slot: command.slot });
          await this.acknowledge(number, proxy);
        }
      },
    });
    this.following = observation;
    await observation.start();
    return observation.ended;
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.following?.stop();
  }

  private async proxies(onChange: () => void): Promise<readonly number[]> {
    const { children } = await overConnectionLoss(this.client, () =>
      this.client.getChildren(`${this.root}/proxies`, onChange),
    );
    return children.map(Number);
  }

  /** A receiver that is gone is not waited for: coming back, it reads the slots anew. */
  private async waitForAll(
    folder: string,
    receivers: readonly number[],
    onAcknowledged: (proxy: number) => void,
  ): Promise<void> {
    const waiting = new Set(receivers);
    let acknowledgements = new Signal();
    let present = new Signal();
    let listed = await this.acknowledged(folder, acknowledgements);
    let proxies = await this.proxies(present.raise);
    for (;;) {
      for (const proxy of listed) if (waiting.delete(proxy)) onAcknowledged(proxy);
      if ([...waiting].every((proxy) => !proxies.includes(proxy))) return;
      const told = await Promise.race([
        acknowledgements.raised.then(() => "acknowledgements" as const),
        present.raised.then(() => "proxies" as const),
      ]);
      if (told === "acknowledgements") {
        acknowledgements = new Signal();
        listed = await this.acknowledged(folder, acknowledgements);
      } else {
        present = new Signal();
        proxies = await this.proxies(present.raise);
      }
    }
  }

  private async acknowledged(folder: string, changed: Signal): Promise<readonly number[]> {
    const { children } = await overConnectionLoss(this.client, () => this.client.getChildren(folder, changed.raise));
    return children.map(Number);
  }

  private async acknowledge(number: number, proxy: number): Promise<void> {
    await overConnectionLoss(this.client, async () => {
      try {
        await this.client.create(`${this.root}/acknowledgements/${numbered(number)}/${proxy}`);
      } catch (error) {
        // NONODE: this proxy was taken for gone, and the command is over.
        if (!isZooKeeperError(error, "NODEEXISTS", "NONODE")) throw error;
      }
    });
  }

  private async readCommand(
    number: number,
  ): Promise<(RoutingCommand & { readonly receivers: readonly number[] }) | undefined> {
    try {
      return JSON.parse(String((await this.client.getData(this.commandPath(number))).data));
    } catch (error) {
      if (isZooKeeperError(error, "NONODE")) return undefined;
      throw error;
    }
  }

  private async removeCommand(commandPath: string, folder: string): Promise<void> {
    for (;;) {
      const names = (await overConnectionLoss(this.client, () => this.client.getChildren(folder))).children;
      const paths = [...names.map((name) => `${folder}/${name}`), folder, commandPath];
      try {
        await overConnectionLoss(this.client, async (again) => {
          try {
            await this.client.multi(paths.map((path): MultiRequest => ({ op: "delete", path })));
          } catch (error) {
            if (!(again && isZooKeeperError(error, "NONODE"))) throw error;
          }
        });
        return;
      } catch (error) {
        // A late acknowledgement of a proxy that was taken for gone.
        if (!isZooKeeperError(error, "NOTEMPTY")) throw error;
      }
    }
  }

  private slotPath(slot: number): string {
    return `${this.root}/slots/${slot}`;
  }

  private proxyPath(proxy: number): string {
    return `${this.root}/proxies/${proxy}`;
  }

  private commandPath(number: number): string {
    return `${this.root}/commands/${numbered(number)}`;
  }
}

function numbered(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, "0");
}

function encode(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
