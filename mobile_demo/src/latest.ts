/** Runs one job at a time; of those that arrive meanwhile only the newest is run. */
export class Latest {
  private running = false;
  private next: (() => Promise<void>) | null = null;

  async run(job: () => Promise<void>): Promise<void> {
    this.next = job;
    if (this.running) return;
    this.running = true;
    try {
      while (this.next) {
        const current = this.next;
        this.next = null;
        await current();
      }
    } finally {
      this.running = false;
    }
  }
}
