/** A system that can be measured. `redis` serves the lock workloads only. */
export const TARGET_NAMES = ["core", "zookeeper", "etcd", "redis"] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A copy of a target that can be started on this machine. */
export interface Installation {
  readonly target: TargetName;
  /** As the software states it itself: "3.9.5". */
  readonly version: string;
  /** Where it was found, for people: "Debian package zookeeper", "Maven, in the zabench cache". */
  readonly origin: string;
}

export type MemberRole = "standalone" | "leader" | "follower" | "observer" | "unreachable";

/** What a server process has used since it was started; differences over a run give the cost per operation. */
export interface ProcessUsage {
  readonly cpuMicros: number;
  /** Bytes the process caused to be sent to the block layer (`write_bytes` of /proc/PID/io). */
  readonly writtenBytes: number;
  readonly residentBytes: number;
  /** fsync and fdatasync calls by the target's own metrics; undefined where it does not count them. */
  readonly syncs: number | undefined;
}

/** One server of an ensemble. Only a managed one has a process to act upon. */
export interface Member {
  /** From 1. */
  readonly id: number;
  readonly client: Address;
  /** Where it serves HTTP, as far as that is known here; undefined where it does not. */
  readonly http?: Address | undefined;
  readonly pid: number | undefined;
  role(): Promise<MemberRole>;
  /** Undefined for an attached member, or one that is not running. */
  usage(): Promise<ProcessUsage | undefined>;
  /** SIGKILL, and waits until the process is gone. Throws on an attached member, as the three below do. */
  kill(): Promise<void>;
  /** Starts the process again on the same data and ports, and waits until it serves. */
  restart(): Promise<void>;
  /** SIGSTOP. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
}

/** A running target: started here (managed) or given by address (attached). */
export interface Ensemble {
  readonly target: TargetName;
  readonly managed: boolean;
  readonly version: string;
  /** What decides a comparison: fsync, heap, tick time; recorded in the result. */
  readonly flags: Readonly<Record<string, string>>;
  readonly members: readonly Member[];
  /** The scratch folder of a managed ensemble: data, logs, configuration. */
  readonly folder: string | undefined;
  /** The member that leads, or the only one; undefined while there is none. */
  leader(): Promise<Member | undefined>;
  /** Ends every process and removes the scratch folder; closes nothing of an attached ensemble. Idempotent. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** How many servers; 1 is standalone. */
  readonly servers: number;
  /** Parent of the scratch folder; the default is the system's. */
  readonly scratchParent?: string;
  /** Kept after `stop`, with the logs, to look into. */
  readonly keepFolder?: boolean;
  /** Serve HTTP as well, where a target has an interface for it that is off by itself. */
  readonly http?: boolean;
  /** Extra lines of configuration, `key: value`, by the target's own names. */
  readonly configuration?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What is known of one kind of target: how to find it, get it, start it and attach to it. */
export interface TargetKind {
  readonly name: TargetName;
  /** Every copy found, the preferred one first; empty where there is none. */
  find(): Promise<readonly Installation[]>;
  /** What a person does to get it. */
  readonly remedy: string;
  /** Throws UserError `targetMissing` where `find` finds none. */
  start(options: StartOptions): Promise<Ensemble>;
  attach(addresses: readonly Address[]): Promise<Ensemble>;
}
