import { describe, expect, test } from "vitest";
import { RpcError } from "../protocol/errors";
import { judgeRefusal } from "./refusal";

const NOW = 1_000_000;
const judge = (code: string, extra: Partial<ConstructorParameters<typeof RpcError>[0]> = {}, shown: Parameters<typeof judgeRefusal>[1] = "device") =>
  judgeRefusal(new RpcError({ code: "INVALID_REQUEST", message: "refused", details: { code }, ...extra }), shown, NOW, "http://gw:1");

describe("a refused connection", () => {
  test("without credential asks for one, without blame", () => {
    for (const code of ["AUTH_TOKEN_MISSING", "AUTH_PASSWORD_MISSING", "AUTH_REQUIRED", "DEVICE_IDENTITY_REQUIRED"]) {
      expect(judge(code, {}, "none")).toEqual({ gate: { kind: "sign-in" }, forget: false, retry: { after: "never" } });
    }
  });

  test("with a bad credential forgets it and names the command for a new link", () => {
    for (const code of ["AUTH_TOKEN_MISMATCH", "AUTH_PASSWORD_MISMATCH", "AUTH_BOOTSTRAP_TOKEN_INVALID", "AUTH_DEVICE_TOKEN_MISMATCH", "AUTH_SCOPE_MISMATCH"]) {
      const verdict = judge(code);
      expect(verdict.forget).toBe(true);
      expect(verdict.retry).toEqual({ after: "never" });
      expect(verdict.gate).toMatchObject({ kind: "sign-in", notice: { command: "torana dashboard" } });
    }
  });

  test("that waits for pairing shows the command and keeps asking", () => {
    const verdict = judge("PAIRING_REQUIRED", { code: "NOT_PAIRED", details: { code: "PAIRING_REQUIRED", reason: "not-paired", requestId: "r-1" } });
    expect(verdict.gate).toMatchObject({ kind: "pairing", requestId: "r-1", notice: { command: "torana devices approve r-1" } });
    expect(verdict.forget).toBe(false);
    expect(verdict.retry).toEqual({ after: "delay", delayMs: 2_000 });
  });

  test("for too many attempts counts down as long as the gateway says, wherever it says it", () => {
    for (const extra of [{ retryAfterMs: 9_000 }, { details: { code: "AUTH_RATE_LIMITED", retryAfterMs: 9_000 } }]) {
      const verdict = judge("AUTH_RATE_LIMITED", extra);
      expect(verdict.gate).toMatchObject({ kind: "limited", untilMs: NOW + 9_000 });
      expect(verdict.retry).toEqual({ after: "delay", delayMs: 9_000 });
    }
  });

  test("from a foreign origin names the key and the address to add", () => {
    expect(judge("CONTROL_UI_ORIGIN_NOT_ALLOWED").gate).toMatchObject({
      kind: "blocked",
      notice: { command: `torana config set gateway.controlUi.allowedOrigins '["http://gw:1"]'` },
    });
  });

  test("by a starting gateway is tried again as told", () => {
    const verdict = judge("", { code: "UNAVAILABLE", details: { reason: "startup-sidecars" }, retryable: true, retryAfterMs: 500 });
    expect(verdict).toEqual({ gate: { kind: "open" }, forget: false, retry: { after: "delay", delayMs: 500 } });
  });

  test("for a damaged key gets a new key", () => {
    expect(judge("DEVICE_AUTH_PUBLIC_KEY_INVALID")).toMatchObject({ newDevice: true, forget: true });
  });

  test("for a stale signature is simply tried again", () => {
    expect(judge("DEVICE_AUTH_SIGNATURE_EXPIRED")).toEqual({ gate: { kind: "open" }, forget: false, retry: { after: "backoff" } });
  });

  test("for an unknown reason shows the gateway's words", () => {
    expect(judge("SOMETHING_NEW").gate).toMatchObject({ kind: "blocked", notice: { body: "refused" } });
  });
});
