/** Characters no path may hold: control characters, surrogates and private use, U+FFF0 to U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

/** What is wrong with a path by the service's rules (upstream: PathUtils); undefined for nothing. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  if (!path.startsWith("/")) return "does not start with '/'";
  if (path === "/") return undefined;
  if (path.endsWith("/")) return "ends with '/'";
  for (const part of path.slice(1).split("/")) {
    if (part === "") return "holds '//'";
    if (part === "." || part === "..") return "is relative";
  }
  if (FORBIDDEN.test(path)) return "holds a character that is not allowed";
  return undefined;
}

/** "/a/b" -> "/a", "/a" -> "/". */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

export function joinPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/** Maps the paths people use to those the server knows, and back. `chroot` is "" or a path without a trailing slash. */
export class Chroot {
  private readonly chroot: string;

  constructor(chroot: string) {
    this.chroot = chroot;
  }

  toServer(path: string): string {
    if (this.chroot === "") return path;
    return path === "/" ? this.chroot : this.chroot + path;
  }

  /** A path outside the chroot, which only a recursive watch above it could bring, is given as the server said it. */
  toClient(path: string): string {
    if (this.chroot === "") return path;
    if (path === this.chroot) return "/";
    return path.startsWith(`${this.chroot}/`) ? path.slice(this.chroot.length) : path;
  }
}
