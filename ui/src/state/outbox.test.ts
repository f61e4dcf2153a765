import { describe, expect, test } from "vitest";
import { Outbox, type OutboxItem, RESEND_AGE_MS_MAX, reconcile } from "./outbox";
import { memoryStore } from "./storage";

const item = (id: string, change: Partial<OutboxItem> = {}): OutboxItem => ({ id, sessionKey: "s", text: `text ${id}`, createdAtMs: 1_000, state: "waiting", ...change });

describe("the outbox", () => {
  test("survives a reload in order, with what was being sent waiting again", () => {
    const store = memoryStore();
    const outbox = new Outbox(store);
    outbox.add(item("b", { createdAtMs: 2 }));
    outbox.add(item("a", { createdAtMs: 1 }));
    outbox.update("b", { state: "sending" });
    outbox.update("a", { state: "failed", error: "no" });
    expect(new Outbox(store).items.value).toEqual([item("a", { createdAtMs: 1, state: "failed", error: "no" }), item("b", { createdAtMs: 2 })]);
  });

  test("lets go of what is removed, also in storage", () => {
    const store = memoryStore();
    const outbox = new Outbox(store);
    outbox.add(item("a"));
    outbox.remove(["a", "unknown"]);
    expect(outbox.items.value).toEqual([]);
    expect(store.names("")).toEqual([]);
  });

  test("sends one text at a time per session, and sessions beside each other", () => {
    const outbox = new Outbox(memoryStore());
    for (const one of [item("a"), item("b"), item("c", { sessionKey: "other" })]) outbox.add(one);
    expect(outbox.due().map((one) => one.id)).toEqual(["a", "c"]);
    outbox.update("a", { state: "sending" });
    expect(outbox.due().map((one) => one.id)).toEqual(["c"]);
    outbox.update("a", { state: "accepted" });
    expect(outbox.due().map((one) => one.id)).toEqual(["b", "c"]);
  });

  test("sends everything unconfirmed again under its key after a reconnect, but nothing failed", () => {
    const outbox = new Outbox(memoryStore());
    for (const one of [item("a", { state: "accepted" }), item("b", { state: "sending" }), item("c", { state: "failed", error: "no" })]) outbox.add(one);
    outbox.reopen(2_000);
    expect(outbox.items.value.map((one) => [one.id, one.state])).toEqual([["a", "waiting"], ["b", "waiting"], ["c", "failed"]]);
  });

  test("leaves the decision to the person once the gateway may have forgotten the key", () => {
    const outbox = new Outbox(memoryStore());
    outbox.add(item("a"));
    outbox.reopen(1_000 + RESEND_AGE_MS_MAX + 1);
    expect(outbox.get("a")?.state).toBe("failed");
  });

  test("says when the browser does not store", () => {
    const outbox = new Outbox({ ...memoryStore(), set: () => false });
    outbox.add(item("a"));
    expect(outbox.unsaved.value).toBe(true);
    expect(outbox.get("a")).toBeDefined();
  });

  test("follows another tab that settled a text", () => {
    const outbox = new Outbox(memoryStore());
    outbox.add(item("a"));
    outbox.onStorage("torana:/:other.v1:a", null);
    outbox.onStorage("torana:/:outbox.v1:a", "changed");
    expect(outbox.items.value).toHaveLength(1);
    outbox.onStorage("torana:/:outbox.v1:a", null);
    expect(outbox.items.value).toEqual([]);
  });

  test("skips what it cannot read", () => {
    const store = memoryStore();
    store.set("outbox.v1:x", "{");
    store.set("outbox.v1:y", '{"id":1}');
    expect(new Outbox(store).items.value).toEqual([]);
  });
});

describe("reconciling with the history", () => {
  const items = [item("a"), item("b"), item("c"), item("d"), item("e")];

  test("lets go of exactly what the history shows, by id and never by text", () => {
    const result = reconcile(items, {
      messages: [
        { role: "user", content: "text a", idempotencyKey: "a" },
        { role: "user", content: "text b", idempotencyKey: "b:user" },
        { role: "user", content: "text c" },
        { role: "user", content: "text d", __openclaw: { idempotencyKey: "d" } },
        { role: "assistant", content: "x", idempotencyKey: "e" },
      ],
    });
    expect(result).toEqual({ consumed: ["a", "b", "d"], queued: [] });
  });

  test("knows receipts, consumptions and inputs that wait for their turn", () => {
    const result = reconcile(items, {
      messages: [],
      inputReceipts: [{ runId: "a", state: "consumed" }, { runId: "b", state: "pending" }],
      inputConsumptions: [{ runId: "c" }],
      pendingInputs: { items: [{ id: "x", runId: "d" }, { id: "c" }], total: 2 },
    });
    expect(result).toEqual({ consumed: ["a", "c"], queued: ["d"] });
  });
});
