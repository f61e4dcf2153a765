// Collects work and does it once per drawn frame, so that a fast stream costs one redraw, not hundreds.
// Browsers draw no frames in a hidden tab; there a timer takes over, so that state stays current.

/** In a hidden tab nobody looks; ten times a second keeps titles and badges right. */
const HIDDEN_DELAY_MS = 100;

export class FrameBatch {
  readonly #flush: () => void;
  #cancel: (() => void) | undefined;

  constructor(flush: () => void) {
    this.#flush = flush;
  }

  schedule(): void {
    if (this.#cancel !== undefined) return;
    const run = (): void => {
      this.#cancel?.();
      this.#cancel = undefined;
      this.#flush();
    };
    // Both are armed: a tab hidden between the two would otherwise wait for its next frame.
    const timer = setTimeout(run, HIDDEN_DELAY_MS);
    const frame = typeof requestAnimationFrame === "function" ? requestAnimationFrame(run) : undefined;
    this.#cancel = () => {
      clearTimeout(timer);
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }
}
