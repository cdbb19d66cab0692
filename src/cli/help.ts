import type { Command } from "commander";

/**
 * What `help` among the commands asks for the help of, at any level: `help`, `help targets install`, `targets help install`.
 * Undefined where it is not asked for so. Throws CommanderError, once told, where there is no such command.
 */
export function helpRequested(program: Command, given: readonly string[]): Command | undefined {
  let command = program;
  let asked = false;
  for (const name of given) {
    if (!asked && name === "help" && command.commands.length > 0) {
      asked = true;
      continue;
    }
    const child = command.commands.find((each) => each.name() === name);
    if (child !== undefined) {
      command = child;
      continue;
    }
    if (!asked) return undefined;
    // `help run --json`: options are not looked at.
    if (name.startsWith("-")) break;
    const names = command.commands.map((each) => each.name());
    const there = names.length === 0 ? "it has none" : `there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
    command.error(`error: ${pathOf(command)} has no command '${name}'; ${there}`);
  }
  return asked ? command : undefined;
}

/** "zabench targets". */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
