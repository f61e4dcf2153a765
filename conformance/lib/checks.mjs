// A list of named checks: each prints one line, the last line counts them.

/** Runs named checks in order and remembers how they ended. */
export class Checks {
  #passed = 0;
  #failed = 0;

  /** Runs one check; a failure is printed and the next check still runs. */
  async check(name, work) {
    try {
      await work();
      this.#passed += 1;
      console.log(`ok      ${name}`);
      return true;
    } catch (error) {
      this.#failed += 1;
      console.log(`FAILED  ${name}\n        ${String(error?.stack ?? error).split("\n").join("\n        ")}`);
      return false;
    }
  }

  /** Prints the closing line and sets the exit code; a run without any check has failed. */
  finish() {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed > 0 || this.#passed === 0 ? 1 : 0;
  }
}

/** Fails with a sentence. */
export function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

/** Fails when a promise takes longer than it may. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is there; the one place that waits for real time. */
export async function until(ms, what, ask) {
  const deadline = Date.now() + ms;
  let last;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not happen within ${ms} ms${last ? ` (${last.message})` : ""}`);
}
