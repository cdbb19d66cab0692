import { styleText } from "node:util";

type Style = "bold" | "dim" | "red" | "green" | "yellow";

/** Where a command writes for people: standard error where standard output carries JSON. */
export interface Output {
  readonly stream: Pick<NodeJS.WriteStream, "write" | "columns">;
  /** True where a line can be redrawn. */
  readonly live: boolean;
  line(text?: string): void;
  style(style: Style, text: string): string;
}

export function createOutput(json: boolean): Output {
  const stream = json ? process.stderr : process.stdout;
  const live = stream.isTTY === true && process.env["TERM"] !== "dumb";
  // https://no-color.org: any value but the empty one.
  const coloured = live && (process.env["NO_COLOR"] ?? "") === "";
  return {
    stream,
    live,
    line: (text = "") => void stream.write(`${text}\n`),
    style: (style, text) => (coloured ? styleText(style, text) : text),
  };
}
