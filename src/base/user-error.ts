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
    remedy: "write a number and a unit: 250us, 5ms, 10s, 2m or 1h",
  },
  badSize: {
    code: "BAD_SIZE",
    exitCode: EXIT.usage,
    what: "'{value}' is not a size",
    remedy: "write bytes as a number, or a number and a unit: 100, 4KiB, 1MB",
  },
  resultMissing: {
    code: "RESULT_MISSING",
    exitCode: EXIT.usage,
    what: "no result can be read ({problem})",
    remedy: "give a result.json, or the folder of a report that holds one",
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
