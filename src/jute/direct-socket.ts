import { writeSync } from "node:fs";
import { Socket } from "node:net";

/** What is used of a socket's handle, which Node does not document; every use of it here has a documented fallback. */
interface TcpHandle {
  readonly fd?: number;
  useUserBuffer?(buffer: Uint8Array): void;
}

type OnRead = (count: number, buffer: Uint8Array) => boolean;

function handleOf(socket: Socket): TcpHandle | null | undefined {
  return (socket as unknown as { _handle?: TcpHandle | null })._handle;
}

/**
 * Writes to a TCP socket at once, past the stream's queue: at one request a round trip that queue costs more processor
 * time than the system call (the throughput of a server that only echoes rose by two fifths at 60 x 1). Bytes that the
 * kernel does not take now go through the stream, in order, and so does every error. For a socket that is connected, until
 * its `end`.
 */
export class DirectWriter {
  private readonly socket: Socket;
  private readonly handle: TcpHandle | null | undefined;
  private readonly fd: number;

  constructor(socket: Socket) {
    this.socket = socket;
    this.handle = handleOf(socket);
    this.fd = this.handle?.fd ?? -1;
  }

  /** Writes the first `length` bytes; the caller may use `bytes` again when this returns. */
  write(bytes: Buffer, length = bytes.length): void {
    const { socket } = this;
    let written = 0;
    // A closed socket has no handle any more, so a descriptor that was given to somebody else is never written to.
    if (this.fd >= 0 && handleOf(socket) === this.handle && socket.writableLength === 0) {
      try {
        written = writeSync(this.fd, bytes, 0, length);
      } catch {
        // EAGAIN, or a connection that broke: the stream waits, or finds the same error in its own turn.
      }
      if (written === length) return;
    }
    if (socket.writable) socket.write(Buffer.from(bytes.subarray(written, length)));
  }
}

const USER_BUFFER = onReadSymbols();

/** Under which symbols a socket keeps what its `onread` option gave; undefined where this Node does it otherwise. */
function onReadSymbols(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const buffer = Buffer.alloc(1);
  const callback: OnRead = () => true;
  const probe = new Socket({ onread: { buffer, callback } } as object) as unknown as Record<symbol, unknown>;
  const symbolOf = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(probe).find((symbol) => probe[symbol] === value);
  const symbols = { buffer: symbolOf(buffer), callback: symbolOf(callback) };
  return symbols.buffer !== undefined && symbols.callback !== undefined
    ? { buffer: symbols.buffer, callback: symbols.callback }
    : undefined;
}

/**
 * Gives everything the socket receives to `onRead`, which must be done with the first `length` bytes when it returns. Where Node's
 * sockets are as expected they are read into `buffer`, which any number of sockets may share: an accepted socket cannot
 * be given the documented `onread` option of one that connects, though its class carries it out. Otherwise the stream
 * delivers. Returns whether `buffer` is used.
 */
export function readInto(socket: Socket, buffer: Buffer, onRead: (bytes: Buffer, length: number) => void): boolean {
  const handle = handleOf(socket);
  if (USER_BUFFER === undefined || handle?.useUserBuffer === undefined) {
    socket.on("data", (bytes) => onRead(bytes, bytes.length));
    return false;
  }
  const callback: OnRead = (count) => {
    onRead(buffer, count);
    return true;
  };
  Object.assign(socket, { [USER_BUFFER.buffer]: buffer, [USER_BUFFER.callback]: callback });
  handle.useUserBuffer(buffer);
  return true;
}
