import { createHash } from "node:crypto";
import type { Id } from "../jute/records.js";

/** `user:base64(SHA1(credentials))`; credentials without a colon are hashed whole (upstream: DigestAuthenticationProvider). */
export function digestId(credentials: Buffer): string {
  const user = credentials.toString("utf8").split(":")[0]!;
  return `${user}:${createHash("sha1").update(credentials).digest("base64")}`;
}

/** The ids that the credentials of an auth packet prove; undefined where the scheme is unknown. */
export function authenticate(
  scheme: string,
  credentials: Buffer,
  superDigest: string | undefined,
): readonly Id[] | undefined {
  if (scheme === "ip") return [];
  if (scheme !== "digest") return undefined;
  const id = digestId(credentials);
  const own: Id = { scheme: "digest", id };
  return id === superDigest ? [own, { scheme: "super", id: "" }] : [own];
}
