import { hostname } from "node:os";
import { formatZxid, makeZxid } from "../../base/zxid.js";
import type { ClientConnection } from "../../core/request/client-connection.js";
import { formatSessionId } from "../../core/session/session-id.js";
import type { LeaderStatus } from "../../core/zab/leader.js";
import { OP } from "../../jute/opcodes.js";
import { formatServers } from "../configuration/server-line.js";
import { isReplicated, type ServerConfiguration } from "../configuration/zoo-cfg.js";
import { folderBytes } from "../folder-bytes.js";
import type { ServerView } from "../server-view.js";
import { collectMetrics } from "./metrics.js";

// One function a word, each giving the whole answer (upstream: org.apache.zookeeper.server.command).

type Word = (view: ServerView) => string;

const OP_CODES: Readonly<Record<number, string>> = {
  [OP.createSession]: "SESS",
  [OP.closeSession]: "CLOS",
  [OP.ping]: "PING",
  [OP.multi]: "MULT",
  [OP.multiRead]: "MLTR",
  [OP.create]: "CREA",
  [OP.create2]: "CREA",
  [OP.createContainer]: "CREA",
  [OP.createTTL]: "CREA",
  [OP.delete]: "DELE",
  [OP.setData]: "SETD",
  [OP.reconfig]: "RECO",
  [OP.setACL]: "SETA",
  [OP.sync]: "SYNC",
  [OP.check]: "CHEC",
  [OP.exists]: "EXIS",
  [OP.getData]: "GETD",
  [OP.setWatches]: "SETW",
  [OP.setWatches2]: "STW2",
  [OP.addWatch]: "ADDW",
  [OP.getACL]: "GETA",
  [OP.getChildren]: "GETC",
  [OP.getChildren2]: "GETC",
  [OP.getAllChildrenNumber]: "GETACN",
  [OP.checkWatches]: "CHKW",
  [OP.removeWatches]: "REMW",
  [OP.whoAmI]: "HOMI",
  [OP.getEphemerals]: "GETE",
};

function versionLine({ version }: ServerView): string {
  return `Zookeeper version: ${version}\n`;
}

function latencyText(view: ServerView): string {
  const { latencyMinMs, latencyMaxMs, latencyMeanMs } = view.core.statistics;
  const minimum = Number.isFinite(latencyMinMs) ? Math.floor(latencyMinMs) : 0;
  const mean = Math.round(latencyMeanMs * 1e4) / 1e4;
  return `${minimum}/${Number.isInteger(mean) ? mean.toFixed(1) : mean}/${Math.round(latencyMaxMs)}`;
}

function proposalSizes({ proposalSizes: { last, min, max } }: LeaderStatus): string {
  return `Proposal sizes last/min/max: ${last}/${min}/${max}`;
}

function statistics(view: ServerView): string {
  const { core, store } = view;
  const leader = view.ensemble()?.leader;
  // A leader stands at the beginning of its epoch before anything is written.
  const zxid = leader === undefined ? core.appliedZxid : Math.max(core.appliedZxid, makeZxid(leader.epoch, 0));
  return [
    `Latency min/avg/max: ${latencyText(view)}`,
    `Received: ${core.statistics.receivedCount}`,
    `Sent: ${core.statistics.sentCount}`,
    `Connections: ${core.connections.size}`,
    `Outstanding: ${core.outstandingCount}`,
    `Zxid: 0x${formatZxid(zxid)}`,
    `Mode: ${view.mode()}`,
    `Node count: ${store.nodeCount}`,
    ...(leader === undefined ? [] : [proposalSizes(leader)]),
    "",
  ].join("\n");
}

function briefConnection({ remoteAddress, remotePort, queue, statistics, phase }: ClientConnection): string {
  const interest = phase === "open" ? 1 : 0;
  const counts = `queued=${queue.length},recved=${statistics.receivedCount},sent=${statistics.sentCount}`;
  return ` /${remoteAddress}:${remotePort}[${interest}](${counts}`;
}

function fullConnection(connection: ClientConnection): string {
  const { session, statistics: s, establishedMs } = connection;
  if (session === undefined) return `${briefConnection(connection)})`;
  const minimum = Number.isFinite(s.latencyMinMs) ? Math.floor(s.latencyMinMs) : 0;
  const fields = [
    `sid=${formatSessionId(session.id)}`,
    `lop=${OP_CODES[s.lastOp] ?? "NA"}`,
    `est=${Math.round(performance.timeOrigin + establishedMs)}`,
    `to=${session.timeoutMs}`,
    `lcxid=0x${(s.lastXid >>> 0).toString(16)}`,
    `lzxid=0x${formatZxid(s.lastZxid)}`,
    `lresp=${Math.round(s.lastResponseMs)}`,
    `llat=${Math.round(s.lastLatencyMs)}`,
    `minlat=${minimum}`,
    `avglat=${Math.round(s.latencyMeanMs)}`,
    `maxlat=${Math.round(s.latencyMaxMs)}`,
  ];
  return `${briefConnection(connection)},${fields.join(",")})`;
}

function lines(values: Iterable<string>): string {
  return [...values].map((line) => `${line}\n`).join("");
}

function mntr(view: ServerView): string {
  const numbers = collectMetrics(view).map(({ name, value }) => `zk_${name}\t${value}`);
  const state = view.ensemble()?.state;
  const peer = state === undefined ? [] : [`zk_peer_state\t${state} - broadcast`];
  return lines([`zk_version\t${view.version}`, `zk_server_state\t${view.mode()}`, ...peer, ...numbers]);
}

function conf({ configuration, clientPort }: ServerView): string {
  return lines([
    `clientPort=${clientPort}`,
    "secureClientPort=-1",
    `dataDir=${configuration.dataDir}/version-2`,
    `dataDirSize=${folderBytes(`${configuration.dataDir}/version-2`)}`,
    `dataLogDir=${configuration.dataLogDir}/version-2`,
    `dataLogSize=${folderBytes(`${configuration.dataLogDir}/version-2`)}`,
    `tickTime=${configuration.tickTimeMs}`,
    `maxClientCnxns=${configuration.maxClientConnections}`,
    `minSessionTimeout=${configuration.minSessionTimeoutMs}`,
    `maxSessionTimeout=${configuration.maxSessionTimeoutMs}`,
    `clientPortListenBacklog=${configuration.clientPortListenBacklog ?? -1}`,
    `serverId=${isReplicated(configuration) ? configuration.serverId : 0}`,
    ...membership(configuration),
  ]);
}

/** Nothing for a server that is alone. */
function membership(configuration: ServerConfiguration): readonly string[] {
  if (!isReplicated(configuration)) return [];
  const { serverId, servers, initLimitTicks, syncLimitTicks } = configuration;
  const own = servers.find(({ id }) => id === serverId);
  return [
    `initLimit=${initLimitTicks}`,
    `syncLimit=${syncLimitTicks}`,
    "electionAlg=3",
    `electionPort=${own?.electionPort}`,
    `quorumPort=${own?.quorumPort}`,
    `peerType=${own?.type === "observer" ? 1 : 0}`,
    "membership: ",
    formatServers(servers),
  ];
}

function envi({ version }: ServerView): string {
  return lines([
    "Environment:",
    `zookeeper.version=${version}`,
    `host.name=${hostname()}`,
    `node.version=${process.version}`,
    `os.name=${process.platform}`,
    `os.arch=${process.arch}`,
    `user.dir=${process.cwd()}`,
  ]);
}

function dump({ core, store, sessions }: ServerView): string {
  const buckets = new Map<number, string[]>();
  for (const { id, expiryMs } of core.sessions?.all() ?? []) {
    buckets.set(expiryMs, [...(buckets.get(expiryMs) ?? []), formatSessionId(id)]);
  }
  const withEphemerals = [...sessions.entries()]
    .map(([id]) => ({ id, paths: store.ephemeralsOf(id) }))
    .filter(({ paths }) => paths.length > 0);
  const expiry = [...buckets].sort(([a], [b]) => a - b);
  return lines([
    "SessionTracker dump:",
    `Session Sets (${buckets.size})/(${core.sessions?.count ?? 0}):`,
    ...expiry.flatMap(([expiryMs, ids]) => [
      `${ids.length} expire at ${new Date(performance.timeOrigin + expiryMs).toISOString()}:`,
      ...ids.map((id) => `\t${id}`),
    ]),
    "ephemeral nodes dump:",
    `Sessions with Ephemerals (${withEphemerals.length}):`,
    ...withEphemerals.flatMap(({ id, paths }) => [`${formatSessionId(id)}:`, ...paths.map((path) => `\t${path}`)]),
    "Connections dump:",
    ...[...core.connections].map(briefConnection).map((text) => `${text})`),
  ]);
}

function grouped(groups: Iterable<readonly [string, readonly string[]]>): string {
  return lines([...groups].flatMap(([name, members]) => [name, ...members.map((member) => `\t${member}`)]));
}

function holder(connection: ClientConnection): string {
  return formatSessionId(connection.sessionId);
}

const WORDS: Readonly<Record<string, Word>> = {
  ruok: () => "imok",
  srvr: (view) => versionLine(view) + statistics(view),
  stat: (view) =>
    `${versionLine(view)}Clients:\n${lines([...view.core.connections].map((it) => `${briefConnection(it)})`))}\n${statistics(view)}`,
  mntr,
  cons: (view) => `${lines([...view.core.connections].map(fullConnection))}\n`,
  crst: ({ core }) => {
    for (const connection of core.connections) connection.statistics.reset();
    return "Connection stats reset.\n";
  },
  srst: ({ core, ensemble }) => {
    core.statistics.reset();
    ensemble()?.leader?.proposalSizes.reset();
    return "Server stats reset.\n";
  },
  conf,
  envi,
  dump,
  isro: () => "rw",
  dirs: ({ configuration }) =>
    lines([
      `datadir_size: ${folderBytes(`${configuration.dataDir}/version-2`)}`,
      `logdir_size: ${folderBytes(`${configuration.dataLogDir}/version-2`)}`,
    ]),
  wchs: ({ core }) => {
    const { connections, paths, watches } = core.watches.summary;
    return `${connections} connections watching ${paths} paths\nTotal watches:${watches}\n`;
  },
  wchp: ({ core }) => grouped([...core.watches.byPath()].map(([path, holders]) => [path, [...holders].map(holder)])),
  wchc: ({ core }) =>
    grouped([...core.watches.byConnection()].map(([connection, paths]) => [holder(connection), [...paths]])),
};

/** Words that a member answers though it serves nobody. */
const WITHOUT_SERVICE: ReadonlySet<string> = new Set(["ruok", "envi"]);
const NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n";

/** The answer to one of the words, or why there is none; undefined where the four characters are no word. */
export function answerFourLetterWord(word: string, view: ServerView): string | undefined {
  const answer = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  if (answer === undefined) return undefined;
  const { fourLetterWords } = view.configuration;
  if (!fourLetterWords.has("*") && !fourLetterWords.has(word)) {
    return `${word} is not executed because it is not in the whitelist.\n`;
  }
  if (view.mode() === undefined && !WITHOUT_SERVICE.has(word)) return word === "isro" ? "null" : NOT_SERVING;
  return answer(view);
}
