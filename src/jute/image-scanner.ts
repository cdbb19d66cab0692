import { MalformedBytesError } from "../base/bytes.js";

// The image after SNAP: sessions, ACL cache and nodes as in a snapshot file, but bare, then a signature
// (upstream: LearnerHandler, SerializeUtils.serializeSnapshot).

const SIGNATURE = Buffer.from("BenWasHere");
const SESSION_BYTES = 12;
const NODE_TAIL_BYTES = 68;
const END_OF_NODES = 0x2f;

/** A step of the walk: how many bytes come next, and whether they are read as an integer or passed over. */
type Step = { readonly read: 1 | 4 } | { readonly pass: number };

const INT: Step = { read: 4 };
const BYTE: Step = { read: 1 };

function* walkImage(lengthMax: number): Generator<Step, void, number> {
  const count = function* (what: string): Generator<Step, number, number> {
    const value = yield INT;
    if (value < 0) throw new MalformedBytesError(`Unreasonable length = ${value} of the ${what} of an image`);
    return value;
  };
  const length = function* (): Generator<Step, number, number> {
    const value = yield INT;
    if (value < -1 || value > lengthMax) throw new MalformedBytesError(`Unreasonable length = ${value} in an image`);
    return Math.max(value, 0);
  };
  yield { pass: (yield* count("sessions")) * SESSION_BYTES };
  for (let lists = yield* count("ACL cache"); lists > 0; lists--) {
    yield { pass: 8 };
    for (let entries = Math.max(yield INT, 0); entries > 0; entries--) {
      yield { pass: 4 };
      yield { pass: yield* length() };
      yield { pass: yield* length() };
    }
  }
  for (;;) {
    const path = yield* length();
    // Only the root's path is shorter than two bytes, and the image writes that as the empty string.
    if (path === 1) {
      if ((yield BYTE) !== END_OF_NODES) throw new MalformedBytesError("a path of one byte in an image is not its end");
      break;
    }
    yield { pass: path };
    yield { pass: (yield* length()) + NODE_TAIL_BYTES };
  }
  if ((yield INT) !== SIGNATURE.length) throw new MalformedBytesError("an image does not end with its signature");
  for (const expected of SIGNATURE) {
    if ((yield BYTE) !== expected) throw new MalformedBytesError("an image does not end with its signature");
  }
}

/** Finds where an image ends in a stream that has no length, in bounded memory and without looking into the nodes. */
export class ImageScanner {
  private readonly walk: Generator<Step, void, number>;
  private step: Step | undefined;
  /** Bytes of the current step that are still to come. */
  private left = 0;
  /** The integer of the current step as far as it has arrived. */
  private value = 0;

  constructor(lengthMax: number) {
    this.walk = walkImage(lengthMax);
    this.next(0);
  }

  get ended(): boolean {
    return this.step === undefined;
  }

  /** Returns where in `bytes[start, end)` the image stops: `end` unless it has ended. Throws `MalformedBytesError`. */
  scan(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (this.step !== undefined && at < end) {
      if ("pass" in this.step) {
        const passed = Math.min(this.left, end - at);
        this.left -= passed;
        at += passed;
      } else {
        this.value = (this.value << 8) | (bytes[at++] as number);
        this.left--;
      }
      if (this.left === 0) this.next(this.value);
    }
    return at;
  }

  private next(value: number): void {
    this.value = value;
    do {
      const result = this.walk.next(this.value);
      this.value = 0;
      if (result.done === true) {
        this.step = undefined;
        return;
      }
      this.step = result.value;
      this.left = "pass" in result.value ? result.value.pass : result.value.read;
    } while (this.left === 0);
  }
}
