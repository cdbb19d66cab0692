import { crc32 } from "../../base/checksum.js";
import type { Zxid } from "../../base/zxid.js";

const DIGEST_STAT_BYTES = 60;
const WORD = 2 ** 32;
const stat = Buffer.alloc(DIGEST_STAT_BYTES);

/** The fields of a znode that count in its digest, `contentCrc` standing for path and data. */
export interface DigestFields {
  readonly path: string;
  readonly contentCrc: number;
  readonly czxid: Zxid;
  readonly mzxid: Zxid;
  readonly pzxid: Zxid;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly version: number;
  readonly cversion: number;
  readonly aversion: number;
  readonly ephemeralOwner: bigint;
}

/** Path and data alone, the root under the empty path (upstream: DigestCalculator). */
export function contentCrc(path: string, data: Uint8Array | null): number {
  const name = path === "/" ? "" : path;
  let crc = 0;
  if (name.length > 0) {
    const bytes = Buffer.from(name, "utf8");
    crc = crc32(bytes, 0, bytes.length);
  }
  return data === null ? crc : crc32(data, 0, data.length, crc);
}

/** What a znode adds to the digest of its tree, unsigned; the service's own znodes below /zookeeper add nothing. */
export function nodeDigest(node: DigestFields): number {
  if (node.path.startsWith("/zookeeper/")) return 0;
  writeInt64(node.czxid, 0);
  writeInt64(node.mzxid, 8);
  writeInt64(node.pzxid, 16);
  writeInt64(node.ctimeMs, 24);
  writeInt64(node.mtimeMs, 32);
  stat.writeInt32BE(node.version, 40);
  stat.writeInt32BE(node.cversion, 44);
  stat.writeInt32BE(node.aversion, 48);
  if (node.ephemeralOwner === 0n) stat.fill(0, 52, 60);
  else stat.writeBigInt64BE(node.ephemeralOwner, 52);
  return crc32(stat, 0, DIGEST_STAT_BYTES, node.contentCrc);
}

function writeInt64(value: number, at: number): void {
  const high = Math.floor(value / WORD);
  stat.writeInt32BE(high, at);
  stat.writeUInt32BE(value - high * WORD, at + 4);
}
