import { isIPv6 } from "node:net";

/** One `server.N` line: where a member listens for its peers and for clients. */
export interface ServerSpecification {
  readonly id: number;
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly type: "participant" | "observer";
  /** Undefined where the line leaves it to the static `clientPort`. */
  readonly client: { readonly host: string; readonly port: number } | undefined;
}

function splitAddress(text: string): readonly string[] | undefined {
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) {
    if (!isIPv6(bracketed[1]!)) return undefined;
    return [bracketed[1]!, ...(bracketed[2] === undefined ? [] : bracketed[2].split(":"))];
  }
  return text.split(":");
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/**
 * `host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]`, IPv6 hosts in brackets. Returns a text
 * that says what is wrong where it cannot be read.
 */
export function parseServerLine(id: number, value: string): ServerSpecification | string {
  const [server, client, ...rest] = value.split(";");
  if (rest.length > 0) return "more than one ';'";
  if (server!.includes("|")) return "several addresses ('|', multiAddress) are not supported";
  const parts = splitAddress(server!.trim());
  const host = parts?.[0];
  if (parts === undefined || host === undefined || host === "") return "no host";
  const quorumPort = parsePort(parts[1]);
  const electionPort = parsePort(parts[2]);
  if (quorumPort === undefined || electionPort === undefined)
    return "a quorum and an election port from 1 to 65535 are needed";
  if (quorumPort === electionPort) return "the quorum and the election port are the same";
  const type = parts[3] ?? "participant";
  if (parts.length > 4 || (type !== "participant" && type !== "observer")) return "the role is participant or observer";
  if (client === undefined) return { id, host, quorumPort, electionPort, type, client: undefined };
  const clientParts = splitAddress(client.trim());
  const port = parsePort(clientParts?.at(-1));
  if (clientParts === undefined || clientParts.length > 2 || port === undefined)
    return "the client address is [host:]port";
  const clientHost = clientParts.length === 2 ? clientParts[0]! : "0.0.0.0";
  return { id, host, quorumPort, electionPort, type, client: { host: clientHost, port } };
}

/** As upstream prints it in configuration texts; the client part is left out where it came from `clientPort`. */
export function formatServerLine(server: ServerSpecification): string {
  const bracket = (host: string): string => (isIPv6(host) ? `[${host}]` : host);
  const client = server.client === undefined ? "" : `;${bracket(server.client.host)}:${server.client.port}`;
  return `server.${server.id}=${bracket(server.host)}:${server.quorumPort}:${server.electionPort}:${server.type}${client}`;
}

/** The configuration as members hand it to each other, and clients read it (upstream: QuorumMaj.toString). */
export function formatServers(servers: readonly ServerSpecification[]): string {
  return `${servers.map((server) => `${formatServerLine(server)}\n`).join("")}version=0`;
}
