import { describe, expect, test } from "vitest";
import { identityOfSeed, signedText } from "./device";
import { type Credential, SCOPES, authOf, browserName, connectParams } from "./handshake";

const CHALLENGE = { nonce: "nonce-1", ts: 1795164219086 };

async function paramsFor(credential: Credential) {
  const identity = await identityOfSeed(new Uint8Array(32).fill(7));
  const params = await connectParams({ identity, credential, challenge: CHALLENGE, instanceId: "i", version: "0.1.0" });
  const expected = (token: string): Promise<string> =>
    identity.sign(
      signedText({
        deviceId: identity.id, clientId: "openclaw-control-ui", clientMode: "webchat", role: "operator", scopes: SCOPES,
        signedAtMs: CHALLENGE.ts, token, nonce: CHALLENGE.nonce, platform: "web", deviceFamily: "",
      }),
    );
  return { params, expected };
}

describe("connect", () => {
  test("is a control UI that asks for all operator scopes with protocol 4", async () => {
    const { params } = await paramsFor({ kind: "none" });
    expect(params).toMatchObject({
      minProtocol: 4, maxProtocol: 4, role: "operator", caps: ["tool-events"],
      client: { id: "openclaw-control-ui", mode: "webchat", version: "0.1.0" },
      scopes: ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions", "operator.pairing"],
      device: { nonce: "nonce-1", signedAt: CHALLENGE.ts },
    });
    expect(params.auth).toBeUndefined();
  });

  test.each<[Credential, string]>([
    [{ kind: "none" }, ""],
    [{ kind: "login", code: "once" }, "once"],
    [{ kind: "device", token: "mine" }, "mine"],
    [{ kind: "secret", secret: "shared", typed: true }, "shared"],
    [{ kind: "secret", secret: "shared", typed: false }, "shared"],
  ])("signs the credential it shows: %o", async (credential, token) => {
    const { params, expected } = await paramsFor(credential);
    expect(params.device.signature).toBe(await expected(token));
  });

  test("shows a typed secret as token and as password, one from a link only as token", () => {
    expect(authOf({ kind: "secret", secret: "s", typed: true })).toEqual({ token: "s", password: "s" });
    expect(authOf({ kind: "secret", secret: "s", typed: false })).toEqual({ token: "s" });
    expect(authOf({ kind: "login", code: "c" })).toEqual({ bootstrapToken: "c" });
  });
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0 Safari/537.36", "Chrome on Linux"],
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Windows"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1 Version/26.0 Mobile Safari/604.1", "Safari on iOS"],
  ["something else", "Browser"],
])("names the browser in %s", (userAgent, name) => {
  expect(browserName(userAgent)).toBe(name);
});
