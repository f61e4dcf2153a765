import { expect, test } from "vitest";
import { ConnectionLost, RpcError } from "../protocol/errors";
import { Files, isGone } from "./files";
import type { Rpc } from "./rpc";

function answering(url: unknown) {
  const asked: unknown[] = [];
  const request = (method: string, params?: Record<string, unknown>) => {
    asked.push([method, params]);
    return Promise.resolve({ url });
  };
  return { asked, rpc: { request, supports: () => true } as Rpc };
}

test("an address is asked for by session and id, and lies below the page", async () => {
  const { asked, rpc } = answering("/api/artifacts/download/file/T");
  expect(await new Files(rpc, "/").address("main", "s.1.0")).toBe("/api/artifacts/download/file/T");
  expect(await new Files(rpc, "/ui/").address("main", "s.1.0")).toBe("/ui/api/artifacts/download/file/T");
  expect(asked[0]).toEqual(["artifacts.download", { sessionKey: "main", artifactId: "s.1.0", transport: "http" }]);
});

test("an address of anything else is refused", async () => {
  for (const url of [undefined, "", "https://elsewhere.example/x", "//elsewhere.example", "javascript:x", "/chat"]) {
    await expect(new Files(answering(url).rpc, "/").address("main", "x")).rejects.toThrow("no address");
  }
});

test("only the gateway's own word makes a file gone for good", () => {
  const refused = (details?: Record<string, unknown>) => new RpcError({ code: "INVALID_REQUEST", message: "artifact not found", ...(details && { details }) });
  expect(isGone(refused({ type: "artifact_not_found" }))).toBe(true);
  expect(isGone(refused({ type: "artifact_scope_not_found" }))).toBe(true);
  for (const passing of [refused(), refused({ type: "artifact_query_unsupported" }), new ConnectionLost(), new TypeError("offline"), undefined]) {
    expect(isGone(passing)).toBe(false);
  }
});
