// Times, durations and names as people read them.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const DAY_MS = 86_400_000;

/** Clock for today, date before: short enough for a list. */
export function shortTime(atMs: number, nowMs: number): string {
  return sameDay(atMs, nowMs) ? CLOCK.format(atMs) : DAY.format(atMs);
}

export function fullTime(atMs: number): string {
  return FULL.format(atMs);
}

export function dayName(atMs: number, nowMs: number): string {
  if (sameDay(atMs, nowMs)) return "Today";
  if (sameDay(atMs, nowMs - DAY_MS)) return "Yesterday";
  return new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" }).format(atMs);
}

export function sameDay(oneMs: number, otherMs: number): boolean {
  return new Date(oneMs).toDateString() === new Date(otherMs).toDateString();
}

/** The two largest units: `3 d 4 h`, `12 min`, `8 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  const last = first === 2 ? first + 1 : first + 2;
  return parts
    .slice(first, last)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/**
 * A name somebody else chose, made safe to judge by eye: control, invisible and direction-changing
 * characters are spelled out instead of acting.
 */
export function visibleName(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`);
}

/** The same for a text of several lines, which keeps its lines. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visibleName).join("\n");
}

/** Arguments and results of tools, cut where nobody would read on. */
export function toolText(value: unknown, charactersMax = 4_000): string {
  const content = (value as { content?: unknown } | null | undefined)?.content;
  const text =
    typeof value === "string"
      ? value
      : Array.isArray(content)
        ? content.map((part) => (part as { text?: unknown }).text).filter((part) => typeof part === "string").join("\n")
        : value === undefined
          ? ""
          : JSON.stringify(value, null, 2);
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}\n… ${text.length - charactersMax} more characters` : text;
}

/** A preview is one line: marks of headings, emphasis and code only get in the way. Names keep what joins their words. */
export function withoutMarks(preview: string): string {
  return preview.replace(/[#*`>|~]+|(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu, "").replace(/\s+/g, " ").trim();
}
