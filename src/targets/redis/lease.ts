/** A lease is renewed this often within its time. */
const RENEWALS_PER_LEASE = 3;

/**
 * The time that a key was set to live, kept from running out. It counts as lost when the server no longer knows it, or
 * when its time has passed since the last request that set it anew was sent: by then another may hold the lock.
 */
export class Lease {
  readonly token: string;
  private readonly leaseMs: number;
  private readonly renewTimer: NodeJS.Timeout;
  private expiryTimer: NodeJS.Timeout;
  private renewing = false;
  private lost_ = false;

  /**
   * `sentAt` is when the request that began it was sent, by performance.now(). `renew` resolves with when the request was
   * sent that set the time anew, or with undefined where the key is no longer this lease's.
   */
  constructor(token: string, leaseMs: number, sentAt: number, renew: () => Promise<number | undefined>) {
    this.token = token;
    this.leaseMs = leaseMs;
    this.expiryTimer = this.expireAfter(sentAt);
    this.renewTimer = setInterval(() => void this.renew(renew), leaseMs / RENEWALS_PER_LEASE);
  }

  get lost(): boolean {
    return this.lost_;
  }

  /** No more renewals. */
  end(): void {
    clearInterval(this.renewTimer);
    clearTimeout(this.expiryTimer);
  }

  private async renew(renew: () => Promise<number | undefined>): Promise<void> {
    if (this.renewing) return;
    this.renewing = true;
    // What cannot be renewed runs out by itself.
    const sentAt = await renew().catch(() => null);
    this.renewing = false;
    if (sentAt === null || this.lost_) return;
    if (sentAt === undefined) {
      this.lose();
      return;
    }
    clearTimeout(this.expiryTimer);
    this.expiryTimer = this.expireAfter(sentAt);
  }

  private expireAfter(sentAt: number): NodeJS.Timeout {
    return setTimeout(() => this.lose(), Math.max(0, sentAt + this.leaseMs - performance.now()));
  }

  private lose(): void {
    this.lost_ = true;
    this.end();
  }
}
