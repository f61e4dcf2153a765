import { expect, test } from "vitest";
import { channelOf, titleOf } from "../state/sessions";
import { accountState, channelRows } from "../state/gateway";
import { duration, toolText, visibleName, withoutMarks } from "./format";

test.each([
  [0, "0 s"], [999, "0 s"], [8_000, "8 s"], [61_000, "1 min"], [3_600_000, "1 h"], [3_660_000, "1 h 1 min"], [90_000_000, "1 d 1 h"],
])("%i ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("a name cannot hide or turn its letters", () => {
  expect(visibleName("Jo\u202Enas\u200B\n\u0000")).toBe("Jo\\u{202E}nas\\u{200B}\\u{A}\\u{0}");
  expect(visibleName("Zoë 李 🦀")).toBe("Zoë 李 🦀");
});

test("a preview loses its marks and keeps its names", () => {
  expect(withoutMarks("## Set `OPENAI_API_KEY`,\n**then** _restart_ __it__")).toBe("Set OPENAI_API_KEY, then restart it");
  expect(withoutMarks("_")).toBe("");
});

test("tool values of every form become text, and long ones end", () => {
  expect(toolText("plain")).toBe("plain");
  expect(toolText({ content: [{ type: "text", text: "a" }, { type: "image" }, { type: "text", text: "b" }] })).toBe("a\nb");
  expect(toolText({ a: 1 })).toBe('{\n  "a": 1\n}');
  expect(toolText(undefined)).toBe("");
  expect(toolText("x".repeat(20), 10)).toBe(`${"x".repeat(10)}\n… 10 more characters`);
});

test.each([
  [{ key: "agent:main:main" }, "Main", undefined],
  [{ key: "agent:main:dashboard:abc" }, "New chat", undefined],
  [{ key: "agent:main:dashboard:abc", derivedTitle: "Plans" }, "Plans", undefined],
  [{ key: "agent:main:telegram:direct:7", displayName: "Mira", label: "M" }, "M", "telegram"],
  [{ key: "agent:main:telegram:direct:7" }, "telegram:direct:7", "telegram"],
  [{ key: "global" }, "global", undefined],
])("a session has a name: %o", (row, title, channel) => {
  expect(titleOf(row)).toBe(title);
  expect(channelOf(row)).toBe(channel);
});

test("an account's state is told from what is known", () => {
  const state = (facts: object): string => accountState({ accountId: "a", ...facts }).text;
  expect(state({ connected: true, running: true })).toBe("connected");
  expect(state({ connected: false, running: true })).toBe("connecting");
  expect(state({ running: true })).toBe("running");
  expect(state({ running: true, connected: false, lastError: "409" })).toBe("failing");
  expect(state({ connected: true, lastError: "409" })).toBe("recovered");
  expect(state({ enabled: false })).toBe("disabled");
  expect(state({ configured: false })).toBe("not configured");
  expect(state({})).toBe("stopped");
});

test("channels are shown in the gateway's order, and one without accounts from its summary", () => {
  const rows = channelRows({
    channelOrder: ["telegram"], channelLabels: { telegram: "Telegram" }, channels: { irc: { configured: true } },
    channelAccounts: { telegram: [{ accountId: "home" }], none: [] },
  });
  expect(rows.map((row) => [row.label, row.accounts.map((account) => account.accountId)])).toEqual([["Telegram", ["home"]], ["irc", ["default"]]]);
});
