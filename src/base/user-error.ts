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
  targetUnreachable: {
    code: "TARGET_UNREACHABLE",
    exitCode: EXIT.usage,
    what: "no member of {target} serves at {addresses} ({reason})",
    remedy: "check that it runs, and that these are its client addresses without TLS",
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
