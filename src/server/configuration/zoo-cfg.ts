import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { USER_ERRORS, UserError } from "../../base/user-error.js";
import { parseProperties } from "./properties.js";
import { parseServerLine, type ServerSpecification } from "./server-line.js";

/** What a server runs with: `zoo.cfg` with upstream's defaults filled in. Durations are ticks or milliseconds as named. */
export interface ServerConfiguration {
  readonly file: string;
  readonly dataDir: string;
  readonly dataLogDir: string;
  readonly clientPort: number;
  /** Undefined listens on every address. */
  readonly clientPortAddress: string | undefined;
  readonly clientPortListenBacklog: number | undefined;
  readonly tickTimeMs: number;
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Connections per client address; 0 is no limit. */
  readonly maxClientConnections: number;
  /** 1 for a standalone server. */
  readonly serverId: number;
  readonly servers: readonly ServerSpecification[];
  readonly initLimitTicks: number | undefined;
  readonly syncLimitTicks: number | undefined;
  /** Silence after which another core server is given up. Own key `zabench.peerTimeoutMs`. */
  readonly peerTimeoutMs: number;
  readonly fourLetterWords: ReadonlySet<string>;
  readonly snapshotTransactionsMax: number;
  readonly preAllocBytes: number;
  readonly logSizeLimitBytes: number | undefined;
  readonly forceSync: boolean;
  readonly snapshotTrustEmpty: boolean;
  readonly autopurgeRetain: number;
  /** 0 is off. */
  readonly autopurgeIntervalHours: number;
  readonly maxBufferBytes: number;
  readonly globalOutstandingMax: number;
  readonly extendedTypesEnabled: boolean;
  readonly skipAcl: boolean;
  /** `user:hash` that has every permission. */
  readonly superDigest: string | undefined;
  /** Undefined where no metrics are served. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
  /** Undefined where there is no HTTP gateway. */
  readonly httpGateway: HttpGatewayConfiguration | undefined;
  /** The most memory that znodes may take. Own key `zabench.arenaMiBMax`. */
  readonly arenaBytesMax: number;
  /** What the user should know of, such as a key that has no effect here. */
  readonly warnings: readonly string[];
}

/** The HTTP gateway; all keys are our own. */
export interface HttpGatewayConfiguration {
  readonly host: string;
  readonly port: number;
  /** Names that requests may call this server by, beside `localhost` and addresses; in lower case. */
  readonly allowedHosts: ReadonlySet<string>;
  /** Origins whose pages may use it: `https://console.example`. */
  readonly allowedOrigins: ReadonlySet<string>;
  readonly connectionsMax: number;
  readonly requestTimeoutMs: number;
}

/** More than one server votes. */
export function isReplicated({ servers }: Pick<ServerConfiguration, "servers">): boolean {
  return servers.filter(({ type }) => type === "participant").length > 1;
}

const PROMETHEUS_PROVIDER = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";

/** Keys of upstream that mean nothing here or are not built yet; they are accepted with a warning that says so. */
const WITHOUT_EFFECT = new Set([
  "admin.enableServer",
  "admin.serverAddress",
  "admin.serverPort",
  "admin.idleTimeout",
  "admin.commandURL",
  "cnxTimeout",
  "commitProcessor.numWorkerThreads",
  "connectToLearnerMasterLimit",
  "electionAlg",
  "electionPortBindRetry",
  "fsync.warningthresholdms",
  "leaderServes",
  "maxResponseCacheSize",
  "maxGetChildrenResponseCacheSize",
  "nio.numSelectorThreads",
  "nio.numWorkerThreads",
  "nio.sessionlessCnxnTimeout",
  "peerType",
  "quorumListenOnAllIPs",
  "serverCnxnFactory",
  "snapshot.compression.method",
  "standaloneEnabled",
  "syncEnabled",
]);

/** Keys of upstream that change what the server promises; running without them would break that promise silently. */
const REFUSED = new Map([
  ["secureClientPort", "TLS is not supported"],
  ["sslQuorum", "TLS between servers is not supported"],
  ["dynamicConfigFile", "dynamic configuration is not supported"],
  ["reconfigEnabled", "changing the members of a running ensemble is not supported yet; leave it false"],
  ["enforceQuota", "quotas are not enforced"],
  ["sessionRequireClientSASLAuth", "SASL is not supported"],
  ["localSessionsEnabled", "local sessions are not supported"],
  ["readonlymode.enabled", "read-only mode is not supported"],
]);

class ConfigurationReader {
  private readonly values = new Map<string, { readonly value: string; readonly line: number }>();
  private readonly taken = new Set<string>();
  readonly warnings: string[] = [];
  readonly file: string;

  constructor(file: string, text: string) {
    this.file = file;
    for (const { key, value, line } of parseProperties(text)) {
      const earlier = this.values.get(key);
      if (earlier !== undefined)
        this.warnings.push(`${file}:${line}: ${key} was set on line ${earlier.line} already; this one holds`);
      this.values.set(key, { value: value.trim(), line });
    }
  }

  fail(key: string, problem: string): never {
    const line = this.values.get(key)?.line;
    const where = line === undefined ? this.file : `${this.file}:${line}`;
    throw new UserError(USER_ERRORS.badConfiguration, { key, problem }, where);
  }

  string(key: string): string | undefined {
    this.taken.add(key);
    const value = this.values.get(key)?.value;
    return value === "" ? undefined : value;
  }

  integer(key: string, min: number, max = 2 ** 31 - 1): number | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      this.fail(key, `'${text}' is not a whole number from ${min} to ${max}`);
    }
    return value;
  }

  boolean(key: string): boolean | undefined {
    const text = this.string(key)?.toLowerCase();
    if (text === undefined) return undefined;
    if (text === "true" || text === "yes") return true;
    if (text === "false" || text === "no") return false;
    return this.fail(key, `'${text}' is neither true nor false`);
  }

  folder(key: string): string | undefined {
    const text = this.string(key);
    if (text === undefined) return undefined;
    return isAbsolute(text) ? text : resolve(dirname(this.file), text);
  }

  servers(): readonly ServerSpecification[] {
    const servers: ServerSpecification[] = [];
    for (const [key, { value }] of this.values) {
      const match = /^server\.(\d+)$/.exec(key);
      if (!match) continue;
      this.taken.add(key);
      const server = parseServerLine(Number(match[1]), value);
      if (typeof server === "string") this.fail(key, server);
      if (server.id > SERVER_ID_MAX) this.fail(key, `a server number is from 0 to ${SERVER_ID_MAX}`);
      for (const other of servers) this.refuseSharedAddress(key, server, other);
      servers.push(server);
    }
    this.checkVoters(servers);
    return servers.sort((a, b) => a.id - b.id);
  }

  /** One would take the votes and the connections of the other. */
  private refuseSharedAddress(key: string, server: ServerSpecification, other: ServerSpecification): void {
    if (server.host !== other.host) return;
    const taken = [other.quorumPort, other.electionPort];
    const shared = [server.quorumPort, server.electionPort].find((port) => taken.includes(port));
    if (shared !== undefined) this.fail(key, `${server.host}:${shared} is an address of server.${other.id} already`);
  }

  private checkVoters(servers: readonly ServerSpecification[]): void {
    const voters = servers.filter(({ type }) => type === "participant").length;
    const observer = servers.find(({ type }) => type === "observer");
    // Each would take itself for a server that is alone, with data of its own.
    if (observer !== undefined && voters < 2) {
      this.fail(`server.${observer.id}`, `an observer needs at least two participants to observe, not ${voters}`);
    }
    if (voters > 1 && voters % 2 === 0) {
      const tolerated = voters / 2 - 1;
      this.warnings.push(
        `${this.file}: ${voters} voting servers go on when ${tolerated} of them failed, as ${voters - 1} do: use an odd number`,
      );
    }
  }

  /** Call last: what nobody asked for is unknown. */
  refuseTheRest(): void {
    for (const [key, { value, line }] of this.values) {
      if (this.taken.has(key)) continue;
      const reason = REFUSED.get(key);
      if (reason !== undefined) {
        if (!/^(false|no)$/i.test(value)) this.fail(key, reason);
        continue;
      }
      if (!WITHOUT_EFFECT.has(key)) this.fail(key, "no such key");
      this.warnings.push(`${this.file}:${line}: ${key} has no effect on this server`);
    }
  }
}

const SERVER_ID_MAX = 254;

function readMyId(reader: ConfigurationReader, dataDir: string): number {
  const file = join(dataDir, "myid");
  if (!existsSync(file))
    reader.fail("dataDir", `an ensemble needs the file ${file} with the server's own number in it`);
  const text = readFileSync(file, "utf8").split("\n")[0]!.trim();
  const id = Number(text);
  if (!/^\d+$/.test(text) || id > SERVER_ID_MAX)
    reader.fail("dataDir", `${file} holds '${text}', not a server number from 0 to ${SERVER_ID_MAX}`);
  return id;
}

const HTTP_GATEWAY_KEYS = [
  "httpGateway.address",
  "httpGateway.allowedHosts",
  "httpGateway.allowedOrigins",
  "httpGateway.maxConnections",
  "httpGateway.requestTimeout",
] as const;

function readMetrics(reader: ConfigurationReader): { host: string; port: number } | undefined {
  const provider = reader.string("metricsProvider.className");
  const host = reader.string("metricsProvider.httpHost") ?? "127.0.0.1";
  const port = reader.integer("metricsProvider.httpPort", 0, 65_535) ?? 7_000;
  reader.boolean("metricsProvider.exportJvmInfo");
  if (
    provider === undefined ||
    provider.endsWith(".DefaultMetricsProvider") ||
    provider.endsWith(".NullMetricsProvider")
  ) {
    return undefined;
  }
  if (provider !== PROMETHEUS_PROVIDER)
    reader.fail("metricsProvider.className", `'${provider}' is not ${PROMETHEUS_PROVIDER}`);
  return { host, port };
}

function readList(reader: ConfigurationReader, key: string, pattern: RegExp, what: string): ReadonlySet<string> {
  const entries = (reader.string(key) ?? "").split(",").map((entry) => entry.trim().toLowerCase());
  const list = entries.filter((entry) => entry !== "");
  for (const entry of list) if (!pattern.test(entry)) reader.fail(key, `'${entry}' is not ${what}`);
  return new Set(list);
}

function readHttpGateway(reader: ConfigurationReader): HttpGatewayConfiguration | undefined {
  const port = reader.integer("httpGateway.port", 0, 65_535);
  const host = reader.string("httpGateway.address") ?? "127.0.0.1";
  const names = /^[a-z0-9._-]+$/;
  const allowedHosts = readList(reader, "httpGateway.allowedHosts", names, "a host name without a port");
  const origins = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/;
  const allowedOrigins = readList(
    reader,
    "httpGateway.allowedOrigins",
    origins,
    "an origin, such as https://console.example",
  );
  const connectionsMax = reader.integer("httpGateway.maxConnections", 1) ?? 1_000;
  const requestTimeoutMs = reader.integer("httpGateway.requestTimeout", 1_000, 3_600_000) ?? 30_000;
  if (port === undefined) {
    const key = HTTP_GATEWAY_KEYS.find((name) => reader.string(name) !== undefined);
    if (key !== undefined) reader.fail(key, "it is for the HTTP gateway, which httpGateway.port switches on");
    return undefined;
  }
  return { host, port, allowedHosts, allowedOrigins, connectionsMax, requestTimeoutMs };
}

/** Reads and checks a `zoo.cfg`; throws UserError naming the file, the line and the key. */
export function readServerConfiguration(file: string): ServerConfiguration {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(USER_ERRORS.unreadableFile, { problem: (error as Error).message }, file);
  }
  return parseServerConfiguration(resolve(file), text);
}

export function parseServerConfiguration(file: string, text: string): ServerConfiguration {
  const reader = new ConfigurationReader(file, text);
  const dataDir = reader.folder("dataDir") ?? reader.fail("dataDir", "it is required: the folder for snapshots");
  const servers = reader.servers();
  const clientPort = reader.integer("clientPort", 0, 65_535);
  const tickTimeMs = reader.integer("tickTime", 1) ?? 3_000;
  const minSessionTimeoutMs = reader.integer("minSessionTimeout", -1) ?? -1;
  const maxSessionTimeoutMs = reader.integer("maxSessionTimeout", -1) ?? -1;
  const replicated = isReplicated({ servers });
  const serverId = replicated ? readMyId(reader, dataDir) : 1;
  const own = servers.find((server) => server.id === serverId);
  if (replicated && own === undefined) reader.fail(`server.${serverId}`, "the server's own line is missing");
  const port =
    clientPort ?? own?.client?.port ?? reader.fail("clientPort", "it is required: the port that clients connect to");
  const minimum = minSessionTimeoutMs === -1 ? tickTimeMs * 2 : minSessionTimeoutMs;
  const maximum = maxSessionTimeoutMs === -1 ? tickTimeMs * 20 : maxSessionTimeoutMs;
  if (minimum > maximum) reader.fail("minSessionTimeout", `${minimum} ms is above maxSessionTimeout, ${maximum} ms`);
  const whitelist = (reader.string("4lw.commands.whitelist") ?? "").split(",").map((word) => word.trim());
  const preAllocKib = reader.integer("preAllocSize", 0) ?? 65_536;
  const sizeLimitKib = reader.integer("txnLogSizeLimitInKb", -1) ?? -1;
  const configuration: ServerConfiguration = {
    file,
    dataDir,
    dataLogDir: reader.folder("dataLogDir") ?? dataDir,
    clientPort: port,
    clientPortAddress: reader.string("clientPortAddress"),
    clientPortListenBacklog: reader.integer("clientPortListenBacklog", -1),
    tickTimeMs,
    minSessionTimeoutMs: minimum,
    maxSessionTimeoutMs: maximum,
    maxClientConnections: reader.integer("maxClientCnxns", 0) ?? 60,
    serverId,
    servers,
    initLimitTicks: reader.integer("initLimit", 1),
    syncLimitTicks: reader.integer("syncLimit", 1),
    peerTimeoutMs: reader.integer("zabench.peerTimeoutMs", 50, 60_000) ?? 1_000,
    fourLetterWords: new Set([...whitelist.filter((word) => word !== ""), "srvr"]),
    snapshotTransactionsMax: Math.max(2, reader.integer("snapCount", 0) ?? 100_000),
    preAllocBytes: preAllocKib * 1_024,
    logSizeLimitBytes: sizeLimitKib <= 0 ? undefined : sizeLimitKib * 1_024,
    forceSync: reader.boolean("forceSync") ?? true,
    snapshotTrustEmpty: reader.boolean("snapshot.trust.empty") ?? false,
    autopurgeRetain: Math.max(3, reader.integer("autopurge.snapRetainCount", 0) ?? 3),
    autopurgeIntervalHours: reader.integer("autopurge.purgeInterval", 0) ?? 0,
    maxBufferBytes: reader.integer("jute.maxbuffer", 64) ?? 0xfffff,
    globalOutstandingMax: reader.integer("globalOutstandingLimit", 1) ?? 1_000,
    extendedTypesEnabled: reader.boolean("extendedTypesEnabled") ?? false,
    skipAcl: reader.boolean("skipACL") ?? false,
    superDigest: reader.string("DigestAuthenticationProvider.superDigest"),
    metrics: readMetrics(reader),
    httpGateway: readHttpGateway(reader),
    arenaBytesMax: (reader.integer("zabench.arenaMiBMax", 16, 32_768) ?? 1_024) * 2 ** 20,
    warnings: reader.warnings,
  };
  if (replicated && (configuration.initLimitTicks === undefined || configuration.syncLimitTicks === undefined)) {
    reader.fail(
      configuration.initLimitTicks === undefined ? "initLimit" : "syncLimit",
      "an ensemble needs it, in ticks",
    );
  }
  reader.refuseTheRest();
  return configuration;
}
