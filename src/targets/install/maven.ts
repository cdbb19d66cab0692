import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findOnPath } from "../places.js";
import { runCommand } from "./run-command.js";
import type { InstallContext } from "./tool.js";

export interface MavenArtifact {
  readonly group: string;
  readonly artifact: string;
  /** A version, or a range such as "[3.9,3.10-alpha)". */
  readonly version: string;
}

const TIMEOUT_MS = 600_000;

/** Copies the artifacts, and all that they need at run time, into `result`. Throws UserError `commandFailed`. */
export async function copyMavenArtifacts(
  context: InstallContext,
  artifacts: readonly MavenArtifact[],
  work: string,
  result: string,
): Promise<void> {
  const dependencies = artifacts.map(
    ({ group, artifact, version }) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  );
  await writeFile(
    join(work, "pom.xml"),
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>zabench</groupId><artifactId>install</artifactId><version>1</version>
  <dependencies>
    ${dependencies.join("\n    ")}
  </dependencies>
</project>
`,
  );
  await runCommand({
    file: findOnPath("mvn", context.places)!,
    args: [
      "--batch-mode",
      "--no-transfer-progress",
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${result}`,
    ],
    folder: work,
    environment: context.places.environment,
    timeoutMs: TIMEOUT_MS,
  });
}
