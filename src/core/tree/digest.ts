import { putInt32, putSafeInt64 } from "../../base/bytes.js";
import { crc32, crc32OfAscii } from "../../base/checksum.js";
import type { Zxid } from "../../base/zxid.js";

const DIGEST_STAT_BYTES = 60;
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
  const crc = crc32OfAscii(name) ?? crc32(Buffer.from(name, "utf8"));
  return data === null ? crc : crc32(data, 0, data.length, crc);
}

/** What a znode adds to the digest of its tree, unsigned; the service's own znodes below /zookeeper add nothing. */
export function nodeDigest(node: DigestFields): number {
  if (node.path.startsWith("/zookeeper/")) return 0;
  putSafeInt64(stat, 0, node.czxid);
  putSafeInt64(stat, 8, node.mzxid);
  putSafeInt64(stat, 16, node.pzxid);
  putSafeInt64(stat, 24, node.ctimeMs);
  putSafeInt64(stat, 32, node.mtimeMs);
  putInt32(stat, 40, node.version);
  putInt32(stat, 44, node.cversion);
  putInt32(stat, 48, node.aversion);
  if (node.ephemeralOwner === 0n) putSafeInt64(stat, 52, 0);
  else stat.writeBigInt64BE(node.ephemeralOwner, 52);
  return crc32(stat, 0, DIGEST_STAT_BYTES, node.contentCrc);
}
