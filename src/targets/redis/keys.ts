export function valueKey(root: string, key: number): string {
  return `${root}/value/${key}`;
}

export function lockKey(root: string, lock: number): string {
  return `${root}/lock/${lock}`;
}

/** Where it is published that a lock was released. */
export function releasedChannel(root: string, lock: number): string {
  return `${root}/released/${lock}`;
}

/** A glob that matches all keys below `root` and no others. */
export function below(root: string): string {
  return `${root.replace(/[\\*?[\]]/g, "\\$&")}/*`;
}
