import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SessionRow } from "../protocol/types";
import { Sessions, channelOf, titleOf } from "./sessions";
import { memoryStore } from "./storage";

const MAIN = "agent:main:main";

function setUp(rows: SessionRow[], hasMore = false) {
  const calls: [string, Record<string, unknown>][] = [];
  let watched = true;
  const rpc = {
    supports: () => false,
    request: <T>(method: string, params: Record<string, unknown> = {}): Promise<T> => {
      calls.push([method, params]);
      const search = String(params["search"] ?? "");
      return Promise.resolve({ sessions: rows.filter((row) => row.key.includes(search)).slice(0, search === "" && hasMore ? 1 : rows.length), hasMore: hasMore && search === "" } as T);
    },
  };
  const sessions = new Sessions({ rpc, store: memoryStore(), isWatched: () => watched });
  const marks = (): unknown[] => calls.filter(([method]) => method === "sessions.patch").map(([, params]) => params["key"]);
  return { sessions, calls, marks, look: (value: boolean) => (watched = value) };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("names", () => {
  test("the main session is Main, whatever it was first about, until it is named", () => {
    expect(titleOf({ key: MAIN, derivedTitle: "demo: slow", displayName: "Mira" })).toBe("Main");
    expect(titleOf({ key: MAIN, label: "Home" })).toBe("Home");
    expect(titleOf({ key: "agent:main:dashboard:1", derivedTitle: "Boats" })).toBe("Boats");
    expect(titleOf({ key: "agent:main:dashboard:1", label: " " })).toBe("New chat");
    expect(channelOf({ key: "agent:main:telegram:direct:1" })).toBe("telegram");
  });
});

describe("unread", () => {
  const unread = { key: MAIN, unread: true, updatedAt: 1 };

  test("the open session is marked read when somebody looks, and once", async () => {
    const { sessions, marks, look } = setUp([unread]);
    look(false);
    await sessions.refresh();
    expect(marks()).toEqual([]);
    look(true);
    sessions.markRead();
    expect(sessions.rows.value[0]?.unread).toBe(false);
    // A gateway that does not keep the mark is not asked for ever.
    await sessions.refresh();
    expect(marks()).toEqual([MAIN]);
  });

  test("another session stays unread until it is opened", async () => {
    const { sessions, marks } = setUp([{ ...unread, key: "agent:main:dashboard:1" }]);
    await sessions.refresh();
    expect(marks()).toEqual([]);
    sessions.select("agent:main:dashboard:1");
    expect(marks()).toEqual(["agent:main:dashboard:1"]);
  });
});

describe("more sessions than the list shows", () => {
  const rows = [{ key: "agent:main:dashboard:near" }, { key: "agent:main:dashboard:far" }];

  test("the gateway is asked for what the list does not hold, once per word", async () => {
    const { sessions, calls } = setUp(rows, true);
    await sessions.refresh();
    sessions.setFilter("f");
    sessions.setFilter("far");
    await vi.advanceTimersByTimeAsync(500);
    expect(calls.filter(([, params]) => "search" in params)).toHaveLength(1);
    expect(sessions.shown.value.map((row) => row.key)).toEqual(["agent:main:dashboard:far"]);
    sessions.select("agent:main:dashboard:far");
    sessions.setFilter("");
    expect(sessions.all.value.map((row) => row.key)).toContain("agent:main:dashboard:far");
    sessions.select(MAIN);
    sessions.setFilter("");
    expect(sessions.all.value.map((row) => row.key)).not.toContain("agent:main:dashboard:far");
  });

  test("a complete list is searched without the gateway", async () => {
    const { sessions, calls } = setUp(rows);
    await sessions.refresh();
    sessions.setFilter("near");
    await vi.advanceTimersByTimeAsync(500);
    expect(calls).toHaveLength(1);
    expect(sessions.shown.value).toHaveLength(1);
  });
});
