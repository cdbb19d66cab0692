import { RedisError } from "./errors.js";

// The Redis serialization protocol, version 2 (redis.io, "Redis serialization protocol specification"): what a handful of
// commands need. Strings are UTF-8.

/** What a command is answered with; an error stands for itself, as it may be an element of an array. */
export type Reply = string | number | null | RedisError | readonly Reply[];

const LINE_END = "\r\n";
const NEWLINE = LINE_END.length;
/** A line, or a string, beyond this is none of the answers we ask for: the peer speaks something else. */
const REPLY_BYTES_MAX = 64 * 2 ** 20;
const LINE_BYTES_MAX = 64 * 1_024;
const DEPTH_MAX = 8;

export function encodeCommand(words: readonly (string | number)[]): string {
  const strings = words.map((word) => {
    const text = String(word);
    return `$${Buffer.byteLength(text)}${LINE_END}${text}${LINE_END}`;
  });
  return `*${words.length}${LINE_END}${strings.join("")}`;
}

/** Splits a stream of bytes into replies. */
export class ReplyReader {
  private rest: Buffer = Buffer.alloc(0);
  private at = 0;

  /** The replies that `bytes` complete, in order. Throws where they are none. */
  read(bytes: Buffer): Reply[] {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.at = 0;
    const replies: Reply[] = [];
    let end = 0;
    for (let reply = this.reply(0); reply !== undefined; reply = this.reply(0)) {
      replies.push(reply);
      end = this.at;
    }
    this.rest = this.rest.subarray(end);
    return replies;
  }

  /** Undefined where the rest does not hold all of it. */
  private reply(depth: number): Reply | undefined {
    const line = this.line();
    if (line === undefined) return undefined;
    const text = line.slice(1);
    switch (line[0]) {
      case "+":
        return text;
      case "-":
        return new RedisError(text.split(" ", 1)[0] ?? "ERR", text.slice(text.indexOf(" ") + 1));
      case ":":
        return integer(text);
      case "$":
        return this.string(integer(text));
      case "*":
        return this.array(integer(text), depth);
      default:
        throw new Error(`a reply begins with ${JSON.stringify(line.slice(0, 16))}, which is not Redis' protocol`);
    }
  }

  private line(): string | undefined {
    const end = this.rest.indexOf(LINE_END, this.at);
    if ((end === -1 ? this.rest.length : end) - this.at > LINE_BYTES_MAX) throw new Error("a reply's line has no end");
    if (end === -1) return undefined;
    const line = this.rest.toString("utf8", this.at, end);
    this.at = end + NEWLINE;
    return line;
  }

  private string(bytes: number): string | null | undefined {
    if (bytes === -1) return null;
    if (bytes < 0 || bytes > REPLY_BYTES_MAX) throw new Error(`a reply of ${bytes} bytes`);
    const end = this.at + bytes;
    if (this.rest.length < end + NEWLINE) return undefined;
    const text = this.rest.toString("utf8", this.at, end);
    this.at = end + NEWLINE;
    return text;
  }

  private array(length: number, depth: number): Reply | undefined {
    if (length === -1) return null;
    if (length < 0 || length > REPLY_BYTES_MAX || depth === DEPTH_MAX) throw new Error(`a reply of ${length} elements`);
    const elements: Reply[] = [];
    while (elements.length < length) {
      const element = this.reply(depth + 1);
      if (element === undefined) return undefined;
      elements.push(element);
    }
    return elements;
  }
}

function integer(text: string): number {
  if (!/^-?\d{1,19}$/.test(text)) throw new Error(`'${text}' is no number of a reply`);
  return Number(text);
}
