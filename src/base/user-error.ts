/** How the process ends; one table for every command (README, "Exit codes"). */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  regression: 3,
  inconsistent: 4,
  insufficient: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

interface UserErrorKind {
  /** Stable, for machines. */
  readonly code: string;
  readonly exitCode: ExitCode;
  /** What was wrong; `{name}` is filled from the details. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** Every mistake a user can make and be told of. */
export const USER_ERRORS = {
  badDuration: {
    code: "BAD_DURATION",
    exitCode: EXIT.usage,
    what: "'{value}' is not a duration",
    remedy: "write a number and a unit, at most 480h: 250us, 5ms, 10s, 2m or 1h",
  },
  badSize: {
    code: "BAD_SIZE",
    exitCode: EXIT.usage,
    what: "'{value}' is not a size",
    remedy: "write bytes as a number, or a number and a unit: 100, 4KiB, 1MB",
  },
  unreadableFile: {
    code: "UNREADABLE_FILE",
    exitCode: EXIT.usage,
    what: "cannot be read: {problem}",
    remedy: "check the path and its permissions",
  },
  badRate: {
    code: "BAD_RATE",
    exitCode: EXIT.usage,
    what: "'{value}' is not a rate",
    remedy: "write operations per second, at most 10000000/s: 5000/s",
  },
  badShare: {
    code: "BAD_SHARE",
    exitCode: EXIT.usage,
    what: "'{value}' is not a share",
    remedy: "write a percentage from 0% to 100%: 10%, 0.1%",
  },
  badChoice: {
    code: "BAD_CHOICE",
    exitCode: EXIT.usage,
    what: "'{value}' is none of {choices}",
    remedy: "write one of them",
  },
  badNumber: {
    code: "BAD_NUMBER",
    exitCode: EXIT.usage,
    what: "'{value}' is not a whole number from {min} to {max}",
    remedy: "write one, such as {min}",
  },
  outOfRange: {
    code: "OUT_OF_RANGE",
    exitCode: EXIT.usage,
    what: "'{value}' is not from {min} to {max}",
    remedy: "write a value within",
  },
  badThreshold: {
    code: "BAD_THRESHOLD",
    exitCode: EXIT.usage,
    what: "'{value}' is not a threshold",
    remedy: "write p(99)<5ms, avg<2ms, min, med, max, rate>1000/s, count>100 or errors<0.1%",
  },
  profileMissing: {
    code: "PROFILE_MISSING",
    exitCode: EXIT.usage,
    what: "there is no profile '{name}'",
    remedy: "give the path of a YAML file or one of {names}",
  },
  profileUnreadable: {
    code: "PROFILE_UNREADABLE",
    exitCode: EXIT.usage,
    what: "the profile cannot be read ({reason})",
    remedy: "give the path of a YAML file that you may read",
  },
  profileInvalid: {
    code: "PROFILE_INVALID",
    exitCode: EXIT.usage,
    what: "not a valid profile",
    remedy: "put this right:{problems}",
  },
  profileOption: {
    code: "PROFILE_OPTION",
    exitCode: EXIT.usage,
    what: "{reason}",
    remedy: "leave the option out or choose another profile",
  },
  tooFewTargets: {
    code: "TOO_FEW_TARGETS",
    exitCode: EXIT.usage,
    what: "a comparison takes two targets or more, and there is {there}",
    remedy: "name them with --target, or get others with 'zabench targets install'",
  },
  errorsExceeded: {
    code: "ERRORS_EXCEEDED",
    exitCode: EXIT.regression,
    what: "{target} failed {errors} operations of {rounds}, {share} of what was done so far: the {limit} that the profile allows cannot be kept any more, whatever follows",
    remedy: "see which errors in the report, or allow more with errorsMax in the profile",
  },
  badSetting: {
    code: "BAD_SETTING",
    exitCode: EXIT.usage,
    what: "--set {value} is no path and value",
    remedy: "write the path of a profile's value and the value as YAML: --set workload.operations.read=99",
  },
  setTwice: {
    code: "SET_TWICE",
    exitCode: EXIT.usage,
    what: "{what} is given by {other} too",
    remedy: "give it once",
  },
  attachedServers: {
    code: "ATTACHED_SERVERS",
    exitCode: EXIT.usage,
    what: "the profile varies the number of servers, which {target} at a given address has already",
    remedy: "name the target without addresses, or set the variants: --set variants='{}'",
  },
  targetLost: {
    code: "TARGET_LOST",
    exitCode: EXIT.insufficient,
    what: "{what}",
    remedy: "{remedy}",
  },
  badConnectionString: {
    code: "BAD_CONNECTION_STRING",
    exitCode: EXIT.usage,
    what: "'{value}' is not a connection string: {problem}",
    remedy: "write host:port, several separated by commas, and a path after them to stay below it: h1:2181,h2:2181/app",
  },
  targetUnreachable: {
    code: "TARGET_UNREACHABLE",
    exitCode: EXIT.usage,
    what: "no member of {target} serves at {addresses} ({reason})",
    remedy: "check that it runs, and that these are its client addresses without TLS",
  },
  targetRefuses: {
    code: "TARGET_REFUSES",
    exitCode: EXIT.usage,
    what: "{target} at {address} does not serve this client ({reason})",
    remedy:
      "zabench gives no user names or passwords: let that server serve its default user without one, on loopback, or name {target} without an address to start a server of its own",
  },
  unknownTarget: {
    code: "UNKNOWN_TARGET",
    exitCode: EXIT.usage,
    what: "'{value}' names no target",
    remedy: "there are {known}; by name to start one here, as name://host:port,host:port to use a running one",
  },
  badTargetAddress: {
    code: "BAD_TARGET_ADDRESS",
    exitCode: EXIT.usage,
    what: "'{value}': {reason}",
    remedy: "write name://host:port,host:port, such as zookeeper://10.0.0.1:2181,10.0.0.2:2181",
  },
  targetMissing: {
    code: "TARGET_MISSING",
    exitCode: EXIT.usage,
    what: "{target} was not found on this machine",
    remedy: "{remedy}",
  },
  targetUnfit: {
    code: "TARGET_UNFIT",
    exitCode: EXIT.usage,
    what: "{what} does not run on {target}",
    remedy: "it runs on {targets}",
  },
  remoteHost: {
    code: "REMOTE_HOST",
    exitCode: EXIT.usage,
    what: "'{host}' is not known to be this machine ({reason}), and load is never sent elsewhere by mistake",
    remedy: "check the address; add --allow-remote if these servers are yours to load",
  },
  badUrl: {
    code: "BAD_URL",
    exitCode: EXIT.usage,
    what: "'{value}' is not a URL",
    remedy: "write one such as http://127.0.0.1:7000/metrics",
  },
  targetWithoutHttp: {
    code: "TARGET_WITHOUT_HTTP",
    exitCode: EXIT.usage,
    what: "it is not known where this {target} serves HTTP",
    remedy: "name the target without addresses: it is started here, with its interface for HTTP",
  },
  targetStartFailed: {
    code: "TARGET_START_FAILED",
    exitCode: EXIT.internal,
    what: "the server did not start: {reason}",
    remedy: "see its log {path}, which ends with:{log}",
  },
  portInUse: {
    code: "PORT_IN_USE",
    exitCode: EXIT.usage,
    what: "port {port} is in use by another process",
    remedy: "end that process, or choose another port",
  },
  attachFailed: {
    code: "ATTACH_FAILED",
    exitCode: EXIT.usage,
    what: "no {target} server answers at {addresses}",
    remedy: "check the addresses, that the servers run, and that this machine may connect to them",
  },
  ownedConfiguration: {
    code: "OWNED_CONFIGURATION",
    exitCode: EXIT.usage,
    what: "'{key}' cannot be configured for a managed {target}",
    remedy: "{reason}",
  },
  unknownTool: {
    code: "UNKNOWN_TOOL",
    exitCode: EXIT.usage,
    what: "'{value}' is nothing that can be installed",
    remedy: "there are {known}",
  },
  commandFailed: {
    code: "COMMAND_FAILED",
    exitCode: EXIT.internal,
    what: "'{command}' {reason}",
    remedy: "its last lines were:{log}",
  },
  cannotInstall: {
    code: "CANNOT_INSTALL",
    exitCode: EXIT.internal,
    what: "{tool} cannot be installed here: {reason}",
    remedy: "{remedy}",
  },
  installIncomplete: {
    code: "INSTALL_INCOMPLETE",
    exitCode: EXIT.internal,
    what: "not installed: {names}",
    remedy: "put right what is said above and run it again; what is there stays",
  },
  resultMissing: {
    code: "RESULT_MISSING",
    exitCode: EXIT.usage,
    what: "no result can be read ({problem})",
    remedy: "give a result.json, or the folder of a report that holds one",
  },
  reportsFolderUnusable: {
    code: "REPORTS_FOLDER_UNUSABLE",
    exitCode: EXIT.usage,
    what: "reports cannot be written there ({problem})",
    remedy: "name a folder that this user may write to",
  },
  resultUnreadable: {
    code: "RESULT_UNREADABLE",
    exitCode: EXIT.usage,
    what: "the file is not JSON ({problem})",
    remedy: "give a result.json as zabench wrote it",
  },
  resultVersion: {
    code: "RESULT_VERSION",
    exitCode: EXIT.usage,
    what: "the result has schemaVersion {version}, this zabench reads {supported}",
    remedy: "run the profile again, or use the zabench that wrote it",
  },
  resultInvalid: {
    code: "RESULT_INVALID",
    exitCode: EXIT.usage,
    what: "the result is not valid at {key}: {problem}",
    remedy: "give a result.json as zabench wrote it",
  },
  noResults: {
    code: "NO_RESULTS",
    exitCode: EXIT.usage,
    what: "there is no result below this folder",
    remedy: "run a profile first, or name the result with --result",
  },
  resultsDiffer: {
    code: "RESULTS_DIFFER",
    exitCode: EXIT.usage,
    what: "the results cannot be compared: the baseline is a {baselineKind} of '{baseline}', the result a {currentKind} of '{current}'",
    remedy: "compare results of the same profile",
  },
  badPercentage: {
    code: "BAD_PERCENTAGE",
    exitCode: EXIT.usage,
    what: "'{value}' is not a percentage",
    remedy: "write a number and a percent sign: 5%, 12.5%",
  },
  badGateMetric: {
    code: "BAD_GATE_METRIC",
    exitCode: EXIT.usage,
    what: "'{value}' is not a metric of the gate",
    remedy: "use some of {known}, separated by commas",
  },
  epochsContradict: {
    code: "EPOCHS_CONTRADICT",
    exitCode: EXIT.usage,
    what: "an accepted epoch of {accepted} is behind the current epoch {current} or that of the last transaction, {last}",
    remedy:
      "these files are not of one server at one time: empty its data folder, and it gets the data from the other servers",
  },
  epochFileDamaged: {
    code: "EPOCH_FILE_DAMAGED",
    exitCode: EXIT.usage,
    what: "'{text}' is no epoch",
    remedy:
      "this server cannot say what it has promised: empty its data folder, and it gets the data from the other servers",
  },
  badConfiguration: {
    code: "BAD_CONFIGURATION",
    exitCode: EXIT.usage,
    what: "{key}: {problem}",
    remedy: "correct the file; `zabench serve --help` lists the keys",
  },
  cannotListen: {
    code: "CANNOT_LISTEN",
    exitCode: EXIT.usage,
    what: "port {port} of {host} cannot be listened on: {problem}",
    remedy: "choose another address or port ({key})",
  },
  dataFolderUnusable: {
    code: "DATA_FOLDER_UNUSABLE",
    exitCode: EXIT.usage,
    what: "the data folder cannot be used ({reason})",
    remedy: "name a folder that this user may write to as dataDir or dataLogDir",
  },
  logInDataFolder: {
    code: "LOG_IN_DATA_FOLDER",
    exitCode: EXIT.usage,
    what: "a transaction log lies in the folder of the snapshots, but dataLogDir says that logs are elsewhere",
    remedy: "move every log.* file from here to {folder}, or leave out dataLogDir",
  },
  snapshotInLogFolder: {
    code: "SNAPSHOT_IN_LOG_FOLDER",
    exitCode: EXIT.usage,
    what: "a snapshot lies in the folder of the transaction logs, but dataDir says that snapshots are elsewhere",
    remedy: "move every snapshot.* file from here to {folder}, or leave out dataLogDir",
  },
  logDamaged: {
    code: "LOG_DAMAGED",
    exitCode: EXIT.internal,
    what: "the transaction log is damaged at offset {offset}: {reason}",
    remedy:
      "a server of an ensemble: move its version-2 folders away, keep myid, and let it copy everything from the others; " +
      "a standalone server: restore the file from a copy, or give up every transaction from there on with " +
      "'truncate -s {offset} {file}' and by deleting the logs after it",
  },
  logGap: {
    code: "LOG_GAP",
    exitCode: EXIT.internal,
    what: "transactions between 0x{last} and 0x{next} are missing before offset {offset}",
    remedy:
      "put the missing log or a newer snapshot back; a server of an ensemble: move its version-2 folders away, keep " +
      "myid, and let it copy everything from the others",
  },
  logUnwritable: {
    code: "LOG_UNWRITABLE",
    exitCode: EXIT.internal,
    what: "the transaction log cannot be repaired ({reason})",
    remedy: "make room on the disk or let this user write to the file, and start again",
  },
  noValidSnapshot: {
    code: "NO_VALID_SNAPSHOT",
    exitCode: EXIT.internal,
    what: "none of the {count} newest snapshots can be read; the newest: {reason}",
    remedy:
      "put a good snapshot back; a server of an ensemble: move its version-2 folders away, keep myid, and let it copy " +
      "everything from the others",
  },
  logWithoutSnapshot: {
    code: "LOG_WITHOUT_SNAPSHOT",
    exitCode: EXIT.internal,
    what: "there are transaction logs but no snapshot, so a snapshot may have been lost",
    remedy: "put the snapshot back; if there never was one, start once with snapshot.trust.empty=true",
  },
  snapshotCompression: {
    code: "SNAPSHOT_COMPRESSION",
    exitCode: EXIT.internal,
    what: "the newest snapshot is compressed with snappy, which is not supported",
    remedy: "let the server that wrote it take one more with snapshot.compression.method empty or gz",
  },
  zxidUnsupported: {
    code: "ZXID_UNSUPPORTED",
    exitCode: EXIT.internal,
    what: "the file belongs to an epoch beyond {epochMax}, which is not supported",
    remedy: "start from an empty data folder",
  },
  scenarioMissing: {
    code: "SCENARIO_MISSING",
    exitCode: EXIT.usage,
    what: "there is no scenario '{name}', and no such file",
    remedy: "give a path, or one of {names}",
  },
  scenarioSize: {
    code: "SCENARIO_SIZE",
    exitCode: EXIT.usage,
    what: "scenario {name} needs {needed}",
    remedy: "{remedy}",
  },
} as const satisfies Record<string, UserErrorKind>;

export type { UserErrorKind };

/** Something the user can put right. `where` is a file and line, an option, a port: whatever they have to look at. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly kind: UserErrorKind;
  readonly where: string | undefined;

  constructor(kind: UserErrorKind, details: Readonly<Record<string, string | number>> = {}, where?: string) {
    const fill = (text: string): string => text.replace(/\{(\w+)\}/g, (_, key: string) => String(details[key] ?? "?"));
    super(`${where === undefined ? "" : `${where}: `}${fill(kind.what)}; ${fill(kind.remedy)}`);
    this.kind = kind;
    this.where = where;
  }
}
