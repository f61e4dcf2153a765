import { createPublicKey, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type SignedFields, identityOfBrowserKey, identityOfSeed, newBrowserKey, signedText } from "./device";
import { fromBase64Url, toBase64Url } from "./ids";

const FIELDS: SignedFields = {
  deviceId: "a".repeat(64),
  clientId: "openclaw-control-ui",
  clientMode: "webchat",
  role: "operator",
  scopes: ["operator.admin", "operator.read"],
  signedAtMs: 1795164219086,
  token: "secret|with|bars",
  nonce: "n-1",
  platform: " Linux X86_64 ",
  deviceFamily: "",
};

/** RFC 8032, section 7.1, test 1. */
const SEED = Uint8Array.from(Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"));
const PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const EMPTY_SIGNATURE =
  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  const raw = Buffer.from(publicKey, "base64url");
  const key = createPublicKey({ key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]), format: "der", type: "spki" });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64url"));
}

describe("the signed text", () => {
  test("has the eleven fields of form v3 in their order", () => {
    expect(signedText(FIELDS)).toBe(
      `v3|${"a".repeat(64)}|openclaw-control-ui|webchat|operator|operator.admin,operator.read|1795164219086|secret|with|bars|n-1|linux x86_64|`,
    );
  });

  test("lowers only ASCII letters of the platform", () => {
    expect(signedText({ ...FIELDS, platform: "İOS", deviceFamily: "ÄPad" })).toMatch(/\|İos\|Äpad$/);
  });

  test("has empty fields, not missing ones, without credential and scopes", () => {
    expect(signedText({ ...FIELDS, token: "", scopes: [], platform: "" })).toBe(
      `v3|${"a".repeat(64)}|openclaw-control-ui|webchat|operator||1795164219086||n-1||`,
    );
  });
});

describe("a key held by us", () => {
  test("matches the vector of RFC 8032", async () => {
    const identity = await identityOfSeed(SEED);
    expect(Buffer.from(identity.publicKey, "base64url").toString("hex")).toBe(PUBLIC);
    expect(Buffer.from(await identity.sign(""), "base64url").toString("hex")).toBe(EMPTY_SIGNATURE);
  });

  test("is named by the hash of its raw public key", async () => {
    const identity = await identityOfSeed(SEED);
    expect(identity.id).toBe("21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9");
  });

  test("signs what other software verifies", async () => {
    const identity = await identityOfSeed(SEED);
    const text = signedText({ ...FIELDS, deviceId: identity.id });
    expect(isSignedBy(identity.publicKey, text, await identity.sign(text))).toBe(true);
    expect(isSignedBy(identity.publicKey, `${text} `, await identity.sign(text))).toBe(false);
  });
});

test("a key held by the browser signs the same protocol and cannot be read", async () => {
  const pair = await newBrowserKey();
  if (pair === null) throw new Error("this runtime has no Ed25519");
  const identity = await identityOfBrowserKey(pair);
  expect(identity.id).toMatch(/^[0-9a-f]{64}$/);
  expect(isSignedBy(identity.publicKey, "text ü", await identity.sign("text ü"))).toBe(true);
  await expect(crypto.subtle.exportKey("pkcs8", pair.privateKey)).rejects.toThrow();
});

test("base64url is reversible and has no padding", () => {
  for (let length = 0; length < 70; length += 1) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 255);
    const text = toBase64Url(bytes);
    expect(text).not.toMatch(/[+/=]/);
    expect([...fromBase64Url(text)]).toEqual([...bytes]);
  }
});
