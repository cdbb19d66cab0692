import { ByteReader, MAX_BUFFER_BYTES } from "../base/bytes.js";
import { PartialBytes } from "./framing.js";
import { ImageScanner } from "./image-scanner.js";
import { QUORUM, QuorumPacket, quorumPacketLength } from "./quorum.js";

/** What a quorum stream is cut into. Bytes are valid during the call only. */
export interface QuorumStreamSink {
  /** A packet; its byte fields are views. Returns false to stop: the rest of the chunk is dropped. */
  packet(packet: QuorumPacket): boolean;
  /** A piece of the image that follows SNAP. */
  image(bytes: Buffer, start: number, end: number): void;
  imageEnd(): void;
}

/**
 * Cuts a quorum stream, which has no lengths, into packets and images. Chunks are read in place; only a packet that
 * straddles chunks is assembled in a buffer of its own.
 */
export class QuorumStreamDecoder {
  private readonly partial = new PartialBytes();
  private readonly reader: ByteReader;
  /** Bounds the fields of packets from here on; at most what the decoder was made for. */
  lengthMax: number;
  private scanner: ImageScanner | undefined;

  constructor(lengthMax = 2 * MAX_BUFFER_BYTES) {
    this.lengthMax = lengthMax;
    this.reader = new ByteReader(Buffer.alloc(0), 0, 0, lengthMax);
  }

  /** Throws `MalformedBytesError` for bytes that cannot be such a stream; the connection is then of no use any more. */
  push(chunk: Buffer, sink: QuorumStreamSink): void {
    let bytes = chunk;
    let offset = 0;
    let end = chunk.length;
    if (this.partial.count > 0) {
      bytes = this.partial.append(chunk);
      end = this.partial.count;
    }
    while (offset < end) {
      if (this.scanner !== undefined) {
        offset = this.pushImage(this.scanner, bytes, offset, end, sink);
        continue;
      }
      const length = quorumPacketLength(bytes, offset, end, this.lengthMax);
      if (length === 0) break;
      const packet = QuorumPacket.read(this.reader.over(bytes, offset, offset + length));
      offset += length;
      if (packet.type === QUORUM.snap) this.scanner = new ImageScanner(this.lengthMax);
      if (!sink.packet(packet)) {
        this.partial.count = 0;
        return;
      }
    }
    this.partial.keep(bytes, offset, end);
  }

  private pushImage(scanner: ImageScanner, bytes: Buffer, offset: number, end: number, sink: QuorumStreamSink): number {
    const stop = scanner.scan(bytes, offset, end);
    if (stop > offset) sink.image(bytes, offset, stop);
    if (scanner.ended) {
      this.scanner = undefined;
      sink.imageEnd();
    }
    return stop;
  }
}
