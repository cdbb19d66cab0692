import { connect, type Socket } from "node:net";
import type { Address } from "../target.js";
import { CONNECTION_LOSS, NOT_SENT, RedisError } from "./errors.js";
import { encodeCommand, type Reply, ReplyReader } from "./resp.js";

export interface ConnectionOptions {
  readonly address: Address;
  /** To connect, and for each answer; a server that is silent for longer loses the connection. */
  readonly answerTimeoutMs: number;
  /** A message that was published to a channel subscribed to. */
  readonly onMessage?: ((channel: string) => void) | undefined;
}

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** One connection to one server. Commands are pipelined and answered in order. */
export class RedisConnection {
  /** Resolves when it is gone, whoever ended it. */
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private readonly onMessage: ((channel: string) => void) | undefined;
  private readonly reader = new ReplyReader();
  private readonly waiting: Waiting[] = [];
  private reason = "the server closed the connection";
  private over = false;

  private constructor(socket: Socket, options: ConnectionOptions) {
    this.socket = socket;
    this.onMessage = options.onMessage;
    socket.setNoDelay(true);
    socket.setTimeout(options.answerTimeoutMs, () => {
      if (this.waiting.length > 0) this.end("no answer in time");
    });
    socket.on("data", (bytes: Buffer) => this.receive(bytes));
    socket.on("error", (error) => {
      this.reason = error.message;
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.over = true;
        const lost = new RedisError(CONNECTION_LOSS, this.reason);
        for (const each of this.waiting.splice(0)) each.reject(lost);
        resolve();
      });
    });
  }

  /** Throws RedisError CONNECTIONLOSS where the server cannot be reached. */
  static open(options: ConnectionOptions): Promise<RedisConnection> {
    const { host, port } = options.address;
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new RedisError(CONNECTION_LOSS, error.message));
      };
      const timer = setTimeout(() => fail(new Error("no connection in time")), options.answerTimeoutMs);
      socket.once("error", fail);
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        resolve(new RedisConnection(socket, options));
      });
    });
  }

  /** Rejects with RedisError: the server's own, NOTSENT, or CONNECTIONLOSS: it is unknown whether it took effect. */
  async call(...words: readonly (string | number)[]): Promise<Reply> {
    if (this.over) throw new RedisError(NOT_SENT, this.reason);
    const answered = new Promise<Reply>((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.write(encodeCommand(words));
    const reply = await answered;
    if (reply instanceof RedisError) throw reply;
    return reply;
  }

  end(reason: string): void {
    this.reason = reason;
    this.over = true;
    this.socket.destroy();
  }

  private receive(bytes: Buffer): void {
    let replies: Reply[];
    try {
      replies = this.reader.read(bytes);
    } catch (error) {
      this.end((error as Error).message);
      return;
    }
    for (const reply of replies) {
      if (this.onMessage !== undefined && Array.isArray(reply) && reply[0] === "message")
        this.onMessage(String(reply[1]));
      else this.waiting.shift()?.resolve(reply);
    }
  }
}
