import type { UserError } from "../../base/user-error.js";
import { formatAddress } from "../address.js";
import type { Address } from "../target.js";
import { RedisConnection } from "./connection.js";
import { CONNECTION_LOSS, NOT_SENT, RedisError, refusalOf } from "./errors.js";

const RETRY_MS = 50;
const CANCELLED = "CANCELLED";

export interface LinkOptions {
  readonly members: readonly Address[];
  /** See `ConnectionOptions`; how long the first connection may take, too. */
  readonly answerTimeoutMs: number;
  readonly onMessage?: (channel: string) => void;
  /** On every connection, before anybody else uses it. */
  readonly welcome?: (connection: RedisConnection) => Promise<void>;
}

/** A connection to the primary of some servers, which is made again when it is lost. */
export class PrimaryLink {
  private readonly options: LinkOptions;
  private connection_: RedisConnection | undefined;
  private attempt: Promise<void> | undefined;
  private over = false;

  constructor(options: LinkOptions) {
    this.options = options;
  }

  /** Connects for the first time. Throws RedisError where no primary answers in time, UserError where one refuses us. */
  async open(): Promise<void> {
    const giveUpAt = performance.now() + this.options.answerTimeoutMs;
    for (;;) {
      try {
        await this.connect();
        return;
      } catch (error) {
        if (performance.now() >= giveUpAt || !isPassing(error)) throw error;
      }
      await pause();
    }
  }

  /**
   * Repeats `act` over lost connections; `again` says that an earlier try may have taken effect. Throws RedisError CANCELLED
   * once the link was closed, and whatever else `act` throws.
   */
  async use<Result>(act: (connection: RedisConnection, again: boolean) => Promise<Result>): Promise<Result> {
    for (let again = false; ; ) {
      this.throwIfClosed();
      const connection = this.connection_ ?? (await this.connected());
      if (connection === undefined) {
        await pause();
        continue;
      }
      try {
        return await act(connection, again);
      } catch (error) {
        if (!isPassing(error)) throw error;
        // What was never sent, or was refused, has had no effect.
        again ||= error.code === CONNECTION_LOSS;
        await pause();
      }
    }
  }

  /** The connection, where there is one. */
  get connection(): RedisConnection | undefined {
    return this.connection_;
  }

  close(): void {
    this.over = true;
    this.connection_?.end("closed by its owner");
  }

  private throwIfClosed(): void {
    if (this.over) throw new RedisError(CANCELLED, "the session was closed");
  }

  /** All who wait for a connection wait for the same one. Undefined where none can be made now. */
  private async connected(): Promise<RedisConnection | undefined> {
    this.attempt ??= this.connect().finally(() => {
      this.attempt = undefined;
    });
    try {
      await this.attempt;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    return this.connection_;
  }

  private async connect(): Promise<void> {
    const connection = await connectToPrimary(this.options);
    await this.options.welcome?.(connection);
    if (this.over) connection.end("closed by its owner");
    this.throwIfClosed();
    this.connection_ = connection;
    void connection.closed.then(() => {
      this.connection_ = undefined;
      // At once, and not with the next use: who has subscribed waits for what this connection brings.
      this.use(() => Promise.resolve()).catch(() => undefined);
    });
  }
}

/** Asks one server after the other which it is. Throws RedisError CONNECTIONLOSS, or UserError, where none is a primary. */
async function connectToPrimary({ members, answerTimeoutMs, onMessage }: LinkOptions): Promise<RedisConnection> {
  let problem = "no server is a primary";
  let refusal: UserError | undefined;
  for (const address of members) {
    let connection: RedisConnection | undefined;
    try {
      connection = await RedisConnection.open({ address, answerTimeoutMs, onMessage });
      const role = await connection.call("ROLE");
      if (Array.isArray(role) && role[0] === "master") return connection;
    } catch (error) {
      if (!(error instanceof RedisError)) throw error;
      problem = `${formatAddress(address)}: ${error.message}`;
      refusal ??= refusalOf(error, address);
    }
    connection?.end("not the primary");
  }
  throw refusal ?? new RedisError(CONNECTION_LOSS, problem);
}

/** What a later try can mend: the server is away, loads its data, or has become a replica. */
function isPassing(error: unknown): error is RedisError {
  return error instanceof RedisError && [CONNECTION_LOSS, NOT_SENT, "LOADING", "READONLY"].includes(error.code);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MS));
}
