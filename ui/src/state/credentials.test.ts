import { describe, expect, test } from "vitest";
import { Credentials, takeFromLink } from "./credentials";
import { memoryStore } from "./storage";

const DEVICE = "d".repeat(64);

function setUp() {
  const stores = { lasting: memoryStore(), tab: memoryStore() };
  return { stores, credentials: new Credentials(stores) };
}

describe("what a link brings", () => {
  test("a login code is taken out of the address", () => {
    expect(takeFromLink({ pathname: "/", search: "", hash: "#login=abc" })).toEqual({ credential: { kind: "login", code: "abc" }, cleaned: "/" });
  });

  test("a secret is taken out of fragment and query, other parameters stay", () => {
    expect(takeFromLink({ pathname: "/x/", search: "", hash: "#token=s%2Bt" })).toEqual({ credential: { kind: "secret", secret: "s+t", typed: false }, cleaned: "/x/" });
    expect(takeFromLink({ pathname: "/", search: "?a=1&token=s", hash: "" })).toEqual({ credential: { kind: "secret", secret: "s", typed: false }, cleaned: "/?a=1" });
  });

  test("an empty one is removed and ignored, and nothing else is a credential", () => {
    expect(takeFromLink({ pathname: "/", search: "", hash: "#login=" })).toEqual({ cleaned: "/" });
    expect(takeFromLink({ pathname: "/", search: "?password=x&gatewayUrl=ws://evil", hash: "#section" })).toEqual({});
  });
});

describe("which credential is shown", () => {
  test("nothing at first", () => {
    expect(setUp().credentials.current(DEVICE)).toEqual({ kind: "none" });
  });

  test("a fresh link before the stored device token, which takes over after the hello", () => {
    const { credentials, stores } = setUp();
    credentials.accepted(DEVICE, "device-1");
    credentials.offer({ kind: "login", code: "c" });
    expect(credentials.current(DEVICE)).toEqual({ kind: "login", code: "c" });
    credentials.accepted(DEVICE, "device-2");
    expect(credentials.current(DEVICE)).toEqual({ kind: "device", token: "device-2" });
    expect(JSON.stringify([stores.lasting.get("device-token.v1"), stores.tab.names("")])).not.toContain('"c"');
  });

  test("a refused link falls back to the device token", () => {
    const { credentials } = setUp();
    credentials.accepted(DEVICE, "device-1");
    credentials.offer({ kind: "login", code: "old" });
    expect(credentials.refused("login", DEVICE)).toBe(true);
    expect(credentials.current(DEVICE)).toEqual({ kind: "device", token: "device-1" });
    expect(credentials.refused("device", DEVICE)).toBe(false);
    expect(credentials.current(DEVICE)).toEqual({ kind: "none" });
  });

  test("the shared secret lives in the tab only, and only until a device token replaces it", () => {
    const { credentials, stores } = setUp();
    credentials.offer({ kind: "secret", secret: "shared", typed: true });
    expect(stores.lasting.names("")).toEqual([]);
    expect(credentials.current(DEVICE)).toEqual({ kind: "secret", secret: "shared", typed: true });
    credentials.accepted(DEVICE, "device-1");
    expect(stores.tab.names("")).toEqual([]);
    expect(stores.lasting.get("device-token.v1")).not.toContain("shared");
  });

  test("a login code is never stored", () => {
    const { credentials, stores } = setUp();
    credentials.offer({ kind: "login", code: "once" });
    expect([...stores.lasting.names(""), ...stores.tab.names("")]).toEqual([]);
  });

  test("a token of another key is not shown", () => {
    const { credentials } = setUp();
    credentials.accepted(DEVICE, "device-1");
    expect(credentials.current("e".repeat(64))).toEqual({ kind: "none" });
  });

  test("damaged storage counts as empty", () => {
    const { credentials, stores } = setUp();
    stores.lasting.set("device-token.v1", "{broken");
    stores.tab.set("secret.v1", '{"secret":5}');
    expect(credentials.current(DEVICE)).toEqual({ kind: "none" });
  });
});
