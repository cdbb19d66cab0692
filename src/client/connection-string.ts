import { USER_ERRORS, UserError } from "../base/user-error.js";
import { DEFAULT_PORT } from "./limits.js";
import { pathProblem } from "./paths.js";

export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionString {
  readonly hosts: readonly HostAddress[];
  /** The path every path of the client is below; "" for none. */
  readonly chroot: string;
}

/**
 * "h1:2181,h2,[::1]:2183/app": hosts separated by commas, port 2181 where none is given, IPv6 in brackets, then
 * optionally the chroot. Throws UserError `badConnectionString`.
 */
export function parseConnectionString(text: string): ConnectionString {
  const slash = text.indexOf("/");
  const hostList = slash === -1 ? text : text.slice(0, slash);
  const chroot = slash === -1 || slash === text.length - 1 ? "" : text.slice(slash);
  if (chroot !== "") {
    const problem = pathProblem(chroot);
    if (problem !== undefined) throw refuse(text, `its path ${chroot} ${problem}`);
  }
  return { hosts: hostList.split(",").map((host) => parseHost(text, host.trim())), chroot };
}

export function formatHost({ host, port }: HostAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseHost(text: string, part: string): HostAddress {
  if (part === "") throw refuse(text, "a host is empty");
  const bracketed = /^\[([0-9A-Fa-f:.]+(?:%[\w.]+)?)\](?::(.*))?$/.exec(part);
  if (bracketed) return { host: bracketed[1] as string, port: parsePort(text, bracketed[2]) };
  const [host, port, ...more] = part.split(":") as [string, string?, ...string[]];
  if (more.length > 0) throw refuse(text, `'${part}' has several colons; an IPv6 address stands in brackets`);
  if (!/^[\w.-]+$/.test(host)) throw refuse(text, `'${host}' is no host name`);
  return { host, port: parsePort(text, port) };
}

function parsePort(text: string, port: string | undefined): number {
  if (port === undefined) return DEFAULT_PORT;
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw refuse(text, `'${port}' is no port`);
  return Number(port);
}

function refuse(value: string, problem: string): UserError {
  return new UserError(USER_ERRORS.badConnectionString, { value, problem });
}
