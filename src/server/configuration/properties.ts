/** One `key=value` of a Java properties file, with the line it begins on, from 1. */
export interface Property {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescapeText(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (_, code: string) =>
    code.length === 5 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}

/**
 * Java's properties syntax (java.util.Properties.load): `#` and `!` begin comments, `=`, `:` or white space ends a key, a
 * backslash at the end of a line continues it. Everything is a string; a key may come twice.
 */
export function parseProperties(text: string): readonly Property[] {
  const properties: Property[] = [];
  const lines = text.split(/\r\n|\r|\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let logical = lines[index]!.replace(/^[ \t\f]+/, "");
    if (logical === "" || logical.startsWith("#") || logical.startsWith("!")) continue;
    while (/(?:^|[^\\])(?:\\\\)*\\$/.test(logical) && index + 1 < lines.length) {
      logical = logical.slice(0, -1) + lines[++index]!.replace(/^[ \t\f]+/, "");
    }
    const match = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(logical);
    if (match) properties.push({ key: unescapeText(match[1]!), value: unescapeText(match[2]!), line });
  }
  return properties;
}
