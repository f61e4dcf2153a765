// What waits for a person's word: approvals (may this be done?) and questions of agents. The page holds the scopes
// for both, so the gateway counts on it: an agent waits because this page could answer. The first answer counts.
import { batch, signal } from "@preact/signals";
import { ConnectionLost, errorText } from "../protocol/errors";
import type { Rpc } from "./rpc";

/** More than anybody decides at a sitting; the rest is listed again after these. */
const ASKS_MAX = 32;
/** The gateway's own limit for one answer. */
export const ANSWER_CHARACTERS_MAX = 16_384;
/** Parts of one question (OpenClaw 2026.9.6). */
const PARTS_MAX = 3;
/** A list of more than this is not read by anybody. */
const OPTIONS_MAX = 32;
/** Longest sleep of a browser timer, about 24 days; later ends are met by the next list. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const KINDS = { exec: "exec", plugin: "plugin", openclaw: "system-agent" } as const;
type ApprovalFamily = keyof typeof KINDS;
/** Each family has a list and events of its own. */
type Family = ApprovalFamily | "question";
const FAMILIES: readonly Family[] = ["exec", "plugin", "openclaw", "question"];
const DECISIONS = ["allow-once", "allow-always", "deny"] as const;
export type Decision = (typeof DECISIONS)[number];

export interface Approval {
  id: string;
  family: ApprovalFamily;
  kind: string;
  title: string;
  /** What is to be done, word for word. */
  subject: string;
  warning: string;
  facts: [string, string][];
  sessionKey: string | undefined;
  decisions: Decision[];
  expiresAtMs: number;
}

export interface QuestionPart {
  id: string;
  header: string;
  text: string;
  options: { label: string; description: string }[];
  isMulti: boolean;
  /** Something else than the options may be written. */
  isFree: boolean;
}

export interface Question {
  id: string;
  family: "question";
  parts: QuestionPart[];
  sessionKey: string | undefined;
  expiresAtMs: number;
}

type Ask = Approval | Question;

export type Answers = Record<string, string[]>;

export class Asks {
  readonly approvals = signal<Approval[]>([]);
  readonly questions = signal<Question[]>([]);
  readonly #rpc: Rpc;
  readonly #onAsked: (text: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<ReadonlySet<Family>> | undefined;
  /** Somebody asked for lists younger than those on their way. */
  #outdated = false;
  /** What was settled while lists were on their way: those may still name it. */
  readonly #settled = new Set<string>();

  /** `onAsked` hears of each new one, for people who listen instead of look. */
  constructor(rpc: Rpc, onAsked: (text: string) => void) {
    this.#rpc = rpc;
    this.#onAsked = onAsked;
  }

  /** Reads what waits, anew for every call, and tells which families the gateway listed. */
  refresh(): Promise<ReadonlySet<Family>> {
    this.#outdated = true;
    this.#refreshing ??= this.#refreshUntilCurrent();
    return this.#refreshing;
  }

  async #refreshUntilCurrent(): Promise<ReadonlySet<Family>> {
    let listed: ReadonlySet<Family>;
    do {
      this.#outdated = false;
      listed = await this.#refreshOnce();
    } while (this.#outdated);
    this.#refreshing = undefined;
    return listed;
  }

  /** What came by event while the lists were on their way outdoes them; what a missing list would have named stays. */
  async #refreshOnce(): Promise<ReadonlySet<Family>> {
    const before = new Set(this.#all().map((ask) => ask.id));
    this.#settled.clear();
    const lists = new Map<Family, Ask[]>();
    await Promise.all(FAMILIES.map(async (family) => {
      const asks = await this.#list(family);
      if (asks !== undefined) lists.set(family, asks);
    }));
    const listed = FAMILIES.flatMap((family) => lists.get(family) ?? []).filter((ask) => !this.#settled.has(ask.id));
    const ids = new Set(listed.map((ask) => ask.id));
    const kept = this.#all().filter((ask) => !ids.has(ask.id) && !(lists.has(ask.family) && before.has(ask.id)));
    this.#show([...listed, ...kept]);
    return new Set(lists.keys());
  }

  /** `undefined` when the gateway did not say: what cannot be listed can still be announced. */
  async #list(family: Family): Promise<Ask[] | undefined> {
    const method = family === "question" ? "question.list" : `${family}.approval.list`;
    if (!this.#rpc.supports(method)) return undefined;
    try {
      const answer = await this.#rpc.request<unknown>(method);
      const entries = family === "question" ? (answer as { questions?: unknown } | undefined)?.questions : answer;
      return records(entries).map((value) => readAsk(value, family)).filter((ask) => ask !== undefined);
    } catch {
      return undefined;
    }
  }

  /** True when the event was one of ours. */
  onEvent(name: string, payload: unknown): boolean {
    const [, family, what] = /^(exec|plugin|openclaw|question)\.(?:approval\.)?(requested|resolved)$/.exec(name) ?? [];
    if (family === undefined) return false;
    if (what === "resolved") this.#drop(String((payload as { id?: unknown } | undefined)?.id ?? ""));
    else this.#add(readAsk(payload, family as Family));
    return true;
  }

  #add(ask: Ask | undefined): void {
    if (ask === undefined || this.#waits(ask.id)) return;
    this.#show([...this.#all(), ask]);
    this.#onAsked(ask.family === "question" ? `The agent asks: ${ask.parts.map((part) => part.text).join(" ")}` : `Approval needed. ${ask.title}`);
  }

  #drop(id: string): void {
    if (this.#refreshing !== undefined) this.#settled.add(id);
    this.#show(this.#all().filter((ask) => ask.id !== id));
  }

  #all(): Ask[] {
    return [...this.approvals.value, ...this.questions.value];
  }

  /** Shows these but for what is over, and comes back when the next one is. */
  #show(asks: Ask[]): void {
    clearTimeout(this.#timer);
    const nowMs = Date.now();
    const waiting = asks.filter((ask) => ask.expiresAtMs > nowMs);
    batch(() => {
      this.approvals.value = waiting.filter((ask) => ask.family !== "question").slice(0, ASKS_MAX);
      this.questions.value = waiting.filter((ask) => ask.family === "question").slice(0, ASKS_MAX);
    });
    const next = Math.min(...this.#all().map((ask) => ask.expiresAtMs));
    if (next - nowMs < TIMER_MS_MAX) this.#timer = setTimeout(() => this.#show(this.#all()), next - nowMs);
  }

  // ——— answers ———

  decide(approval: Approval, decision: Decision): Promise<void> {
    const { id, kind } = approval;
    return this.#settle(approval, "approval.resolve", { id, kind, decision });
  }

  answer(question: Question, answers: Answers): Promise<void> {
    return this.#settle(question, "question.resolve", { id: question.id, answers: { answers } });
  }

  skip(question: Question): Promise<void> {
    return this.#settle(question, "question.resolve", { id: question.id, cancel: true });
  }

  async #settle(ask: Ask, method: string, params: Record<string, unknown>): Promise<void> {
    try {
      await this.#rpc.request(method, params);
    } catch (error) {
      if (error instanceof ConnectionLost) throw new Error("No connection to the gateway. Try again when it is back.");
      // Somebody may have been first: then the list is without it, and there is nothing to complain about.
      const listed = await this.refresh();
      if (listed.has(ask.family) && !this.#waits(ask.id)) return;
      throw new Error(errorText(error));
    }
    this.#drop(ask.id);
  }

  #waits(id: string): boolean {
    return this.#all().some((ask) => ask.id === id);
  }
}

// ——— what the gateway lists and announces ———

type Fields = Record<string, unknown>;

function records(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter((entry): entry is Fields => typeof entry === "object" && entry !== null) : [];
}

function textIn(fields: Fields | undefined, ...names: string[]): string {
  const found = names.map((name) => fields?.[name]).find((value) => typeof value === "string" && value !== "");
  return typeof found === "string" ? found : "";
}

function endOf(value: Fields): number {
  return typeof value["expiresAtMs"] === "number" ? value["expiresAtMs"] : Number.POSITIVE_INFINITY;
}

function readAsk(value: unknown, family: Family): Ask | undefined {
  return family === "question" ? readQuestion(value) : readApproval(value, family);
}

export function readApproval(value: unknown, family: ApprovalFamily): Approval | undefined {
  const fields = value as Fields | undefined;
  const id = textIn(fields, "id");
  if (fields === undefined || id === "") return undefined;
  const request = fields["request"] as Fields | undefined;
  const allowed = request?.["allowedDecisions"];
  const offered = DECISIONS.filter((decision) => Array.isArray(allowed) && allowed.includes(decision));
  const names: [string, string][] = [["Host", "host"], ["Folder", "cwd"], ["Agent", "agentId"], ["Tool", "toolName"]];
  return {
    id,
    family,
    kind: textIn(fields, "approvalKind") || KINDS[family],
    title: textIn(request, "title") || "May this command run?",
    subject: textIn(request, "command", "description", "summary"),
    warning: textIn(request, "warningText"),
    facts: names.map(([label, name]): [string, string] => [label, textIn(request, name)]).filter(([, text]) => text !== ""),
    sessionKey: textIn(request, "sessionKey") || undefined,
    decisions: offered.length === 0 ? [...DECISIONS] : offered,
    expiresAtMs: endOf(fields),
  };
}

/** A question for a secret is left to the terminal, which shows who would get it. */
export function readQuestion(value: unknown): Question | undefined {
  const fields = value as Fields | undefined;
  const id = textIn(fields, "id");
  const asked = records(fields?.["questions"]);
  const parts = asked.slice(0, PARTS_MAX).map(readPart).filter((part) => part !== undefined);
  const status = textIn(fields, "status");
  if (fields === undefined || id === "" || parts.length === 0 || (status !== "" && status !== "pending") || asked.some(isSecret)) return undefined;
  return { id, family: "question", parts, sessionKey: textIn(fields, "sessionKey") || undefined, expiresAtMs: endOf(fields) };
}

function readPart(fields: Fields): QuestionPart | undefined {
  const id = textIn(fields, "questionId");
  if (id === "") return undefined;
  const options = records(fields["options"])
    .map((option) => ({ label: textIn(option, "label"), description: textIn(option, "description") }))
    .filter((option) => option.label !== "")
    .slice(0, OPTIONS_MAX);
  return {
    id,
    header: textIn(fields, "header"),
    text: textIn(fields, "question"),
    options,
    isMulti: fields["multiSelect"] === true,
    isFree: options.length === 0 || fields["isOther"] !== false,
  };
}

function isSecret(part: Fields): boolean {
  return part["isSecret"] === true || (part["secretStore"] ?? false) !== false;
}
