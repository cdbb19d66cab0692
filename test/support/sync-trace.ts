import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";

// What a power failure would have left of a folder, from a trace of the system calls that wrote to it. `kill -9` alone
// proves nothing about syncing, because the page cache outlives the process.
//
// The model: bytes that were written before the start of a sync of their file that succeeded are there. Every other byte
// is lost, all of them at once: where the file was durably that long there is what was durably there before, which is
// known of small files that are written over in place, and zero in the others, which are only ever written ahead. A new
// file that was never synced is lost with its name. A rename to a new name is undone unless the folder was synced after
// it. Kept as ext4 and xfs keep them, although POSIX promises less: the name of a new file once the file itself was
// synced, a rename over another file, a deletion, a truncation to less. Not seen: writes through mmap or io_uring, and
// descriptors that were duplicated and then used without an explicit position.

/** So much of each call's text is in the trace: enough for the small files. */
const TEXT_BYTES_MAX = 16;

export const STRACE_ARGUMENTS = [
  "-f",
  "-y",
  "-qq",
  "--seccomp-bpf",
  `-s${TEXT_BYTES_MAX}`,
  "-esignal=none",
  "-etrace=open,creat,openat,lseek,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,fallocate," +
    "rename,renameat,renameat2,unlink,unlinkat",
] as const;

interface WrittenRange {
  readonly start: number;
  end: number;
  completed: boolean;
  /** Undefined where the trace does not have all of it. */
  readonly text: Buffer | undefined;
}

interface TracedFile {
  sizeBytes: number;
  durableSizeBytes: number;
  everDurable: boolean;
  /** Written and not yet synced, in the order of the calls. */
  unsynced: WrittenRange[];
  /** What is durable of the first bytes, as far as it is known; zeros elsewhere. */
  readonly head: Buffer;
}

const HEAD_BYTES = 64;

interface Rename {
  readonly source: string;
  readonly target: string;
}

interface Descriptor {
  position: number;
  readonly appends: boolean;
}

/** Of a call that goes on in a later line, or that its thread never returned from. */
const UNFINISHED = /^(.*?)(?: *<(?:unfinished|detached) \.\.\.>|(?: *<unfinished \.\.\.>)?\) += \?)$/;

/** A system call in progress on one thread: what happens when it returns `result`. */
type Finish = (result: number) => void;

const NOTHING: Finish = () => undefined;

export class SyncTrace {
  syncs = 0;
  private readonly folder: string;
  private readonly files = new Map<string, TracedFile>();
  private readonly descriptors = new Map<number, Descriptor>();
  private readonly inProgress = new Map<string, Finish>();
  /** Not durable yet, in their order. */
  private renames: Rename[] = [];

  /** Takes everything in `folder` as durable: create it before the process starts. */
  constructor(folder: string) {
    this.folder = folder;
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const stat = statSync(join(folder, name));
      if (!stat.isFile()) continue;
      const { size } = stat;
      const head = Buffer.alloc(HEAD_BYTES);
      if (size <= HEAD_BYTES) readFileSync(join(folder, name)).copy(head);
      this.files.set(join(folder, name), {
        sizeBytes: size,
        durableSizeBytes: size,
        everDurable: true,
        unsynced: [],
        head,
      });
    }
  }

  /** One line of strace's output. */
  line(text: string): void {
    // Most are of sockets, and there are very many.
    if (!text.includes(this.folder) && !text.includes(" resumed>")) return;
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>.*= (-?\d+)/.exec(text);
    if (resumed) {
      const [, thread = "", result = ""] = resumed;
      this.inProgress.get(thread)?.(Number(result));
      this.inProgress.delete(thread);
      return;
    }
    const call = /^(\d+) +(\w+)\((.*)$/.exec(text);
    if (!call) return;
    const [, thread = "", name = "", rest = ""] = call;
    const unfinished = UNFINISHED.exec(rest);
    const complete = unfinished ? null : /^(.*)\) += (-?\d+)(?:<.*>)?(?: .*)?$/.exec(rest);
    const finish = this.begin(name, (complete ?? unfinished)?.[1]?.trim() ?? rest);
    if (complete) finish(Number(complete[2]));
    else this.inProgress.set(thread, finish);
  }

  /** Makes the folder what the failure would have left, and returns what was changed, for a person. */
  cut(): readonly string[] {
    const changes: string[] = [];
    for (const { source, target } of this.renames.reverse()) {
      if (!existsSync(target)) continue;
      renameSync(target, source);
      this.moved(target, source);
      changes.push(`${target}: its name was never synced, back to ${source}`);
    }
    for (const [path, file] of this.files) {
      if (!existsSync(path)) continue;
      if (!file.everDurable) {
        unlinkSync(path);
        changes.push(`${path}: never synced, removed`);
        continue;
      }
      const size = Math.min(file.durableSizeBytes, statSync(path).size);
      if (size < statSync(path).size) {
        truncateSync(path, size);
        changes.push(`${path}: truncated to ${size}`);
      }
      for (const { start, end } of file.unsynced) {
        if (start >= size) continue;
        restore(path, file.head, start, Math.min(end, size));
        changes.push(`${path}: as it was from ${start} to ${Math.min(end, size)}`);
      }
    }
    return changes;
  }

  private begin(name: string, text: string): Finish {
    switch (name) {
      case "open":
      case "openat":
      case "creat":
        return this.opening(name, text);
      case "rename":
      case "renameat":
      case "renameat2": {
        const [source, target] = quoted(text);
        return (result) => {
          if (result === 0) this.renamed(source, target);
        };
      }
      case "unlink":
      case "unlinkat": {
        const [path] = quoted(text);
        return (result) => {
          if (result === 0 && path !== undefined) this.files.delete(path);
        };
      }
      default:
        return this.onDescriptor(name, text);
    }
  }

  private opening(name: string, text: string): Finish {
    const [path] = quoted(text);
    if (path === undefined || !path.startsWith(this.folder) || text.includes("O_DIRECTORY")) {
      return (descriptor) => this.descriptors.delete(descriptor);
    }
    const creates = name === "creat" || text.includes("O_CREAT");
    const truncates = name === "creat" || text.includes("O_TRUNC");
    return (descriptor) => {
      if (descriptor < 0) return;
      this.descriptors.set(descriptor, { position: 0, appends: text.includes("O_APPEND") });
      let file = this.files.get(path);
      if (file === undefined && creates) {
        file = { sizeBytes: 0, durableSizeBytes: 0, everDurable: false, unsynced: [], head: Buffer.alloc(HEAD_BYTES) };
        this.files.set(path, file);
      }
      if (file !== undefined && truncates) shrink(file, 0);
    };
  }

  private onDescriptor(name: string, text: string): Finish {
    const match = /^(\d+)<(.*?)>(\(deleted\))?(?:, (.*))?$/.exec(text);
    if (!match) return NOTHING;
    const [, number = "", path = "", deleted, rest = ""] = match;
    const file = deleted === undefined ? this.files.get(path) : undefined;
    if (file === undefined) return name === "fsync" ? this.syncingFolder(path) : NOTHING;
    const descriptor = this.descriptors.get(Number(number)) ?? { position: 0, appends: false };
    const last = Number(/(-?\d+)(?:, (?:0|RWF_\w+))?$/.exec(rest)?.[1] ?? Number.NaN);
    switch (name) {
      case "write":
      case "writev":
        return this.writing(file, descriptor.appends ? file.sizeBytes : descriptor.position, rest, descriptor);
      case "pwrite64":
      case "pwritev":
        return this.writing(file, Number(/(\d+)$/.exec(rest)?.[1]), rest);
      case "pwritev2":
        return this.writing(file, last, rest);
      case "lseek":
        return (result) => {
          if (result >= 0) descriptor.position = result;
        };
      case "ftruncate": {
        const size = Number(rest);
        return (result) => {
          if (result !== 0) return;
          if (size < file.sizeBytes) shrink(file, size);
          else file.sizeBytes = size;
        };
      }
      case "fallocate": {
        const [, offset = 0, length = 0] = rest.split(", ").map(Number);
        const keepsSize = rest.includes("KEEP_SIZE");
        return (result) => {
          if (result === 0 && !keepsSize) file.sizeBytes = Math.max(file.sizeBytes, offset + length);
        };
      }
      case "fsync":
      case "fdatasync":
        return this.syncing(file);
      default:
        return NOTHING;
    }
  }

  /** Until it is known how much was written, it may be everything to the end. */
  private writing(file: TracedFile, start: number, rest: string, descriptor?: Descriptor): Finish {
    if (!Number.isInteger(start)) throw new Error(`a write without a position: ${rest}`);
    const range: WrittenRange = { start, end: Number.POSITIVE_INFINITY, completed: false, text: textOf(rest) };
    file.unsynced.push(range);
    return (result) => {
      const written = Math.max(result, 0);
      range.end = start + written;
      range.completed = true;
      file.sizeBytes = Math.max(file.sizeBytes, range.end);
      if (descriptor !== undefined) descriptor.position = range.end;
    };
  }

  /** Only what was written completely before the sync began is covered by it. */
  private syncing(file: TracedFile): Finish {
    const covered = new Set(file.unsynced.filter((range) => range.completed));
    const size = file.sizeBytes;
    return (result) => {
      if (result !== 0) return;
      this.syncs++;
      for (const { text, start, end } of covered) {
        if (text === undefined) file.head.fill(0, Math.min(start, HEAD_BYTES), Math.min(end, HEAD_BYTES));
        else text.copy(file.head, start, 0, end - start);
      }
      file.unsynced = file.unsynced.filter((range) => !covered.has(range));
      file.durableSizeBytes = Math.min(size, file.sizeBytes);
      file.everDurable = true;
    };
  }

  /** Only what was renamed before the sync began is covered by it. */
  private syncingFolder(folder: string): Finish {
    const covered = new Set(this.renames.filter(({ target }) => dirname(target) === folder));
    return (result) => {
      if (result === 0) this.renames = this.renames.filter((rename) => !covered.has(rename));
    };
  }

  private renamed(source: string | undefined, target: string | undefined): void {
    if (source === undefined || target === undefined || !this.files.has(source)) return;
    if (!this.files.has(target)) this.renames.push({ source, target });
    this.moved(source, target);
  }

  private moved(source: string, target: string): void {
    const file = this.files.get(source);
    if (file === undefined) return;
    this.files.delete(source);
    this.files.set(target, file);
  }
}

function quoted(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string);
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", v: "\v", f: "\f" };

/** What a call wrote, if the trace shows all of it. */
function textOf(rest: string): Buffer | undefined {
  const match = /^"((?:[^"\\]|\\.)*)",/.exec(rest);
  if (!match) return undefined;
  const text = (match[1] as string).replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );
  return Buffer.from(text, "latin1");
}

function shrink(file: TracedFile, size: number): void {
  file.sizeBytes = size;
  file.durableSizeBytes = Math.min(file.durableSizeBytes, size);
  file.head.fill(0, Math.min(size, HEAD_BYTES));
  file.unsynced = file.unsynced.filter((range) => range.start < size);
  for (const range of file.unsynced) range.end = Math.min(range.end, size);
}

function restore(path: string, head: Buffer, start: number, end: number): void {
  const descriptor = openSync(path, "r+");
  const known = head.subarray(start, end);
  writeSync(descriptor, known, 0, known.length, start);
  const zeros = Buffer.alloc(65_536);
  for (let at = Math.max(start, HEAD_BYTES); at < end; at += zeros.length) {
    writeSync(descriptor, zeros, 0, Math.min(zeros.length, end - at), at);
  }
  closeSync(descriptor);
}
