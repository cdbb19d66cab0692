/** The name of a message within its topic: the same however often it is published. */
export function messageName(publisher: number, sequence: number): string {
  return `${publisher}-${sequence}`;
}

export function parseMessageName(name: string): { readonly publisher: number; readonly sequence: number } {
  const dash = name.indexOf("-");
  return { publisher: Number(name.slice(0, dash)), sequence: Number(name.slice(dash + 1)) };
}
