import { ByteWriter, putInt32 } from "../../base/bytes.js";
import type { ReplyHandler } from "../../client/pending.js";
import { OPEN_ACL } from "../../client/requests.js";
import type { Session } from "../../client/session.js";
import type { Codec } from "../../jute/codec.js";
import { beginFrame, endFrame } from "../../jute/framing.js";
import { CREATE_MODE, OP } from "../../jute/opcodes.js";
import {
  CreateRequest,
  DeleteRequest,
  ExistsRequest,
  GetChildren2Request,
  GetDataRequest,
  SetDataRequest,
  SyncRequest,
} from "../../jute/records.js";
import type { CreateKind, TreeShape } from "../driver.js";
import { CREATED_DIGITS, folderPath, KEY_CHARACTERS, KEY_DIGITS, keyPath, patchDigits, patchFolders } from "./keys.js";

const FRAME_LENGTH_BYTES = 4;
const FRAME_HEADER_BYTES = 12;
const VERSION_BYTES = 4;
/** Type, done and error of a multi's part (upstream: MultiHeader). */
const MULTI_HEADER_BYTES = 9;

/** A request encoded once. What differs from one sending to the next is patched in, or put in between its two parts. */
interface Template {
  /** Without data: the whole frame. With data: the frame up to the data's length. */
  readonly head: Buffer;
  readonly pathEnd: number;
  /** With data: what follows it. */
  readonly tail: Buffer;
}

export interface RequestShape {
  readonly root: string;
  readonly tree: TreeShape;
  readonly keys: number;
  readonly valueBytes: number;
  readonly multiWrites: number;
  readonly createKind: CreateKind;
}

/** Writes the requests of one load session: encoded once, and copied with their numbers and as much data as asked for. */
export class LoadRequests {
  private readonly shape: RequestShape;
  private readonly readTemplate: Template;
  private readonly existsTemplate: Template;
  private readonly childrenTemplate: Template;
  private readonly writeTemplate: Template;
  private readonly syncFrame: Buffer;
  private readonly multiHead: Buffer;
  private readonly multiPart: Template;
  private readonly multiEnd: Buffer;
  private readonly value: Buffer;
  private createTemplate: Template | undefined;
  private deleteTemplate: Template | undefined;
  /** Of what a created node's name has behind its folder. */
  private createdCharacters = 0;

  constructor(shape: RequestShape) {
    const { root, tree, valueBytes } = shape;
    const key = keyPath(root, 0, tree);
    const folder = folderPath(root, 0, tree);
    this.shape = shape;
    this.value = Buffer.alloc(valueBytes, "z");
    this.readTemplate = whole(OP.getData, GetDataRequest, { path: key, watch: false }, key);
    this.existsTemplate = whole(OP.exists, ExistsRequest, { path: key, watch: false }, key);
    this.childrenTemplate = whole(OP.getChildren2, GetChildren2Request, { path: folder, watch: false }, folder);
    this.writeTemplate = aroundData(OP.setData, SetDataRequest, { path: key, data: null, version: -1 }, key);
    this.syncFrame = encode(OP.sync, SyncRequest, { path: root });
    this.multiHead = Buffer.alloc(FRAME_HEADER_BYTES);
    putInt32(this.multiHead, FRAME_HEADER_BYTES - 4, OP.multi);
    const partHeader = multiHeader(OP.setData, false);
    this.multiPart = {
      head: Buffer.concat([partHeader, this.writeTemplate.head.subarray(FRAME_HEADER_BYTES)]),
      pathEnd: this.writeTemplate.pathEnd - FRAME_HEADER_BYTES + MULTI_HEADER_BYTES,
      tail: this.writeTemplate.tail,
    };
    this.multiEnd = multiHeader(-1, true);
  }

  /** `creator`: what tells this session's names from all others'. To be called once, before the first create. */
  nameCreated(creator: string): void {
    const { root, tree, createKind } = this.shape;
    const folder = folderPath(root, 0, tree);
    const given = isSequential(createKind) ? "" : "0".repeat(CREATED_DIGITS);
    const path = `${folder}/n${creator}-${given}`;
    const deleted = `${folder}/n${creator}-${"0".repeat(CREATED_DIGITS)}`;
    const flags = CREATE_MODE[createKind];
    this.createdCharacters = deleted.length - folder.length;
    this.createTemplate = aroundData(OP.create2, CreateRequest, { path, data: null, acl: OPEN_ACL, flags }, path);
    this.deleteTemplate = whole(OP.delete, DeleteRequest, { path: deleted, version: -1 }, deleted);
  }

  get named(): boolean {
    return this.createTemplate !== undefined;
  }

  read(session: Session, handler: ReplyHandler, token: number, key: number): void {
    this.ofKey(this.readTemplate, session, handler, token, key);
  }

  exists(session: Session, handler: ReplyHandler, token: number, key: number): void {
    this.ofKey(this.existsTemplate, session, handler, token, key);
  }

  children(session: Session, handler: ReplyHandler, token: number, key: number): void {
    const { head, pathEnd } = this.childrenTemplate;
    const writer = session.submit(head, handler, token);
    patchFolders(writer.bytes, writer.offset - head.length + pathEnd, key, this.shape.tree);
  }

  sync(session: Session, handler: ReplyHandler, token: number): void {
    session.submit(this.syncFrame, handler, token);
  }

  /** `version` -1 is any. */
  write(session: Session, handler: ReplyHandler, token: number, key: number, bytes: number, version: number): void {
    const { writeTemplate } = this;
    const writer = session.submit(writeTemplate.head, handler, token);
    const start = writer.offset - writeTemplate.head.length;
    this.patchKey(writer.bytes, start + writeTemplate.pathEnd, key);
    this.finish(writer, start, writeTemplate, bytes);
    putInt32(writer.bytes, writer.offset - VERSION_BYTES, version);
  }

  multi(session: Session, handler: ReplyHandler, token: number, key: number, bytes: number): void {
    const { multiPart } = this;
    const { keys, multiWrites } = this.shape;
    const writer = session.submit(this.multiHead, handler, token);
    const start = writer.offset - this.multiHead.length;
    for (let each = 0; each < multiWrites; each++) {
      const at = put(writer, multiPart.head);
      this.patchKey(writer.bytes, at + multiPart.pathEnd, (key + each) % keys);
      this.putData(writer, bytes);
      put(writer, multiPart.tail);
    }
    put(writer, this.multiEnd);
    putInt32(writer.bytes, start, writer.offset - start - FRAME_LENGTH_BYTES);
  }

  create(session: Session, handler: ReplyHandler, token: number, key: number, number: number, bytes: number): void {
    const template = this.createTemplate as Template;
    const { tree, createKind } = this.shape;
    const writer = session.submit(template.head, handler, token);
    const start = writer.offset - template.head.length;
    const pathEnd = start + template.pathEnd;
    if (isSequential(createKind)) {
      patchFolders(writer.bytes, pathEnd - this.createdCharacters + CREATED_DIGITS, key, tree);
    } else {
      patchDigits(writer.bytes, pathEnd, CREATED_DIGITS, number);
      patchFolders(writer.bytes, pathEnd - this.createdCharacters, key, tree);
    }
    this.finish(writer, start, template, bytes);
  }

  delete(session: Session, handler: ReplyHandler, token: number, key: number, number: number): void {
    const { head, pathEnd } = this.deleteTemplate as Template;
    const writer = session.submit(head, handler, token);
    const end = writer.offset - head.length + pathEnd;
    patchDigits(writer.bytes, end, CREATED_DIGITS, number);
    patchFolders(writer.bytes, end - this.createdCharacters, key, this.shape.tree);
  }

  private ofKey(
    { head, pathEnd }: Template,
    session: Session,
    handler: ReplyHandler,
    token: number,
    key: number,
  ): void {
    const writer = session.submit(head, handler, token);
    this.patchKey(writer.bytes, writer.offset - head.length + pathEnd, key);
  }

  private patchKey(bytes: Buffer, end: number, key: number): void {
    patchDigits(bytes, end, KEY_DIGITS, key);
    patchFolders(bytes, end - KEY_CHARACTERS, key, this.shape.tree);
  }

  private finish(writer: ByteWriter, start: number, template: Template, bytes: number): void {
    this.putData(writer, bytes);
    put(writer, template.tail);
    putInt32(writer.bytes, start, writer.offset - start - FRAME_LENGTH_BYTES);
  }

  private putData(writer: ByteWriter, bytes: number): void {
    writer.int32(bytes);
    const at = writer.reserve(bytes);
    this.value.copy(writer.bytes, at, 0, bytes);
  }
}

export function isSequential(kind: CreateKind): boolean {
  return kind === "persistentSequential" || kind === "ephemeralSequential";
}

function put(writer: ByteWriter, bytes: Buffer): number {
  const at = writer.reserve(bytes.length);
  bytes.copy(writer.bytes, at);
  return at;
}

function multiHeader(type: number, done: boolean): Buffer {
  const writer = new ByteWriter(MULTI_HEADER_BYTES);
  writer.int32(type);
  writer.bool(done);
  writer.int32(-1);
  return writer.copy();
}

function encode<T>(type: number, codec: Codec<T>, request: T): Buffer {
  const writer = new ByteWriter();
  const start = beginFrame(writer);
  writer.int32(0);
  writer.int32(type);
  codec.write(writer, request);
  endFrame(writer, start);
  return writer.copy();
}

function whole<T>(type: number, codec: Codec<T>, request: T, path: string): Template {
  const head = encode(type, codec, request);
  return { head, pathEnd: endOfPath(head, path), tail: Buffer.alloc(0) };
}

/** Of a request whose data stands right behind its path; it is encoded with null as data. */
function aroundData<T>(type: number, codec: Codec<T>, request: T, path: string): Template {
  const frame = encode(type, codec, request);
  const pathEnd = endOfPath(frame, path);
  return { head: frame.subarray(0, pathEnd), pathEnd, tail: frame.subarray(pathEnd + 4) };
}

function endOfPath(frame: Buffer, path: string): number {
  return frame.indexOf(path) + Buffer.byteLength(path);
}
