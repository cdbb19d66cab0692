import type { CommandBody, Transmission } from "../../core/zab/effects.js";
import { quorumTypeName } from "../../jute/quorum.js";

/** What happened, in lines for people; costs nothing where nobody asked for it. */
export class Trace {
  readonly lines: string[] = [];
  private readonly linesMax: number;

  /** The newest `linesMax` lines are kept; 0 keeps none. */
  constructor(linesMax: number) {
    this.linesMax = linesMax;
  }

  get enabled(): boolean {
    return this.linesMax > 0;
  }

  add(nowMs: number, who: string, what: string): void {
    if (this.linesMax === 0) return;
    this.lines.push(`${nowMs.toFixed(1).padStart(9)} ms  ${who.padEnd(8)} ${what}`);
    if (this.lines.length > this.linesMax * 2) this.lines.splice(0, this.lines.length - this.linesMax);
  }

  end(): readonly string[] {
    return this.lines.slice(-this.linesMax);
  }
}

const hex = (zxid: number): string => (zxid < 0 ? String(zxid) : `0x${zxid.toString(16)}`);

export function describeCommand(command: CommandBody): string {
  switch (command.kind) {
    case "append":
    case "apply":
      return `${command.kind} ${command.entries.map(({ zxid }) => hex(zxid)).join(" ")}`;
    case "truncate":
      return `truncate to ${hex(command.zxid)}`;
    case "install":
      return `install the image of ${hex(command.zxid)}`;
    case "acceptedEpoch":
    case "currentEpoch":
      return `persist ${command.kind} ${command.epoch}`;
    case "open":
      return `open, ${command.role} in epoch ${command.epoch} of leader ${command.leader}`;
    case "shut":
      return "shut";
  }
}

/** `peerOf` names who is at the other end of a connection. */
export function describeTransmission(
  transmission: Transmission,
  peerOf: (connection: number) => number | undefined,
): string {
  switch (transmission.kind) {
    case "notification": {
      const { state, leader, zxid, electionEpoch, peerEpoch } = transmission.notification;
      const vote = leader < 0 ? "nobody" : `${leader} (epoch ${peerEpoch}, zxid ${hex(zxid)})`;
      return `-> ${transmission.to}  ${state} in round ${electionEpoch}, for ${vote}`;
    }
    case "connect":
      return `connects to ${transmission.to}`;
    case "close":
      return `closes ${peerOf(transmission.connection) ?? "?"}: ${transmission.reason}`;
    case "image":
      return `-> ${peerOf(transmission.connection) ?? "?"}  image of ${hex(transmission.zxid)}`;
    case "packet": {
      const { type, zxid } = transmission.packet;
      return `-> ${peerOf(transmission.connection) ?? "?"}  ${quorumTypeName(type)} ${hex(zxid)}`;
    }
  }
}
