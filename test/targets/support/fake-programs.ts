import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InstallContext } from "../../../src/targets/install/tool.js";
import type { Places } from "../../../src/targets/places.js";

/** A machine of its own for a test: an empty cache, no packages, and only those programs that the test writes. */
export class FakeMachine {
  readonly folder: string;
  readonly context: InstallContext;
  /** What was reported, line by line. */
  readonly reported: string[] = [];

  private constructor(folder: string, root: boolean) {
    this.folder = folder;
    const path = join(folder, "bin");
    this.context = {
      places: { cache: join(folder, "cache"), environment: { PATH: path }, debianJars: join(folder, "jars") },
      root,
      report: (line) => this.reported.push(line),
    };
  }

  static async create(options: { readonly root: boolean }): Promise<FakeMachine> {
    const machine = new FakeMachine(await mkdtemp(join(tmpdir(), "fake-machine-")), options.root);
    for (const name of ["bin", "jars"]) await mkdir(join(machine.folder, name));
    return machine;
  }

  get places(): Places {
    return this.context.places;
  }

  /** Writes a program that records its arguments, one line per call, and then runs `script`. */
  async program(name: string, script = ""): Promise<void> {
    await this.executable(join(this.folder, "bin", name), script, name);
  }

  async executable(path: string, script: string, name: string): Promise<void> {
    const record = `echo "$*" >> '${join(this.folder, `${name}.calls`)}'`;
    const text = `#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n${record}\n${script}\n`;
    await writeFile(path, text);
    await chmod(path, 0o755);
  }

  async file(path: string, text = ""): Promise<void> {
    const full = join(this.folder, path);
    await mkdir(join(full, ".."), { recursive: true });
    await writeFile(full, text);
  }

  /** The arguments of every call so far. */
  async calls(name: string): Promise<string[]> {
    try {
      return (await readFile(join(this.folder, `${name}.calls`), "utf8")).trimEnd().split("\n");
    } catch {
      return [];
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
