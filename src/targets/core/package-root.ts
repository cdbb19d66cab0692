import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The command line's entry file of this very package, so that the core under test is never another copy. */
export const CLI_PATH = fileURLToPath(new URL("../../cli/main.js", import.meta.url));

const PACKAGE_JSON = new URL("../../../../package.json", import.meta.url);

export function packageVersion(): string {
  const text = JSON.parse(readFileSync(PACKAGE_JSON, "utf8")) as { readonly version: string };
  return text.version;
}
