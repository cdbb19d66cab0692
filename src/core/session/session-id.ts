const PASSWORD_SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const MASK_48 = (1n << 48n) - 1n;
/** Marks container nodes as their owner, so it is never a session (upstream: EphemeralType.CONTAINER_EPHEMERAL_OWNER). */
const CONTAINER_OWNER = 0x8000_0000_0000_0000n;

/**
 * The first id a server hands out: its own id in the top byte, 40 bits of its clock, then a counter that starts at 0
 * (upstream: SessionTrackerImpl.initializeNextSessionId). As a signed 64-bit value.
 */
export function firstSessionId(serverId: number, clockMs: number): bigint {
  const clock = BigInt.asUintN(64, BigInt(Math.floor(clockMs)) << 24n) >> 8n;
  const id = BigInt.asUintN(64, clock | (BigInt(serverId) << 56n));
  return BigInt.asIntN(64, id === CONTAINER_OWNER ? id + 1n : id);
}

/**
 * 16 bytes that every member of an ensemble derives alike: java.util.Random's generator, seeded from the id. It keeps
 * sessions apart by accident, not by design against an attacker.
 */
export function sessionPassword(sessionId: bigint): Buffer {
  const password = Buffer.alloc(16);
  let state = (BigInt.asUintN(64, sessionId) ^ PASSWORD_SECRET ^ MULTIPLIER) & MASK_48;
  for (let at = 0; at < 16; at += 4) {
    state = (state * MULTIPLIER + 0xbn) & MASK_48;
    password.writeUInt32LE(Number((state >> 16n) & 0xffff_ffffn), at);
  }
  return password;
}

/** "0x1000a1b2c3d0000", as upstream prints it. */
export function formatSessionId(sessionId: bigint): string {
  return `0x${BigInt.asUintN(64, sessionId).toString(16)}`;
}
