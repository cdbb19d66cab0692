/** One life of one who comes and goes. */
export interface Life {
  readonly comer: number;
  /** From 0. */
  readonly generation: number;
}

export function nameOf({ comer, generation }: Life): string {
  return `${comer}.${generation}`;
}

/** Undefined for the name of an observer. */
export function lifeOf(name: string): Life | undefined {
  const dot = name.indexOf(".");
  if (dot === -1) return undefined;
  return { comer: Number(name.slice(0, dot)), generation: Number(name.slice(dot + 1)) };
}

export function observerName(observer: number): string {
  return `observer-${observer}`;
}

/** What is announced of a life: that it began, or that it ended. */
export function subjectOf(generation: number, entered: boolean): number {
  return generation * 2 + (entered ? 0 : 1);
}

export function ofSubject(subject: number): { readonly generation: number; readonly entered: boolean } {
  return { generation: Math.floor(subject / 2), entered: subject % 2 === 0 };
}
