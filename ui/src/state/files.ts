// Files of conversations. Histories name them; an address for their bytes is asked for when somebody looks.
import { RpcError } from "../protocol/errors";
import type { Rpc } from "./rpc";

/** Where a gateway has files of conversations, below the page's own path (OpenClaw 2026.9.6). */
const DOWNLOADS = "/api/artifacts/download/";

/** How the gateway says that it has a file, or the session of it, no longer. */
const GONE = new Set<unknown>(["artifact_not_found", "artifact_scope_not_found"]);

/** Whether asking for an address again is of no use; whatever else went wrong may pass. */
export function isGone(error: unknown): boolean {
  return error instanceof RpcError && GONE.has(error.details["type"]);
}

export class Files {
  readonly #rpc: Rpc;
  readonly #basePath: string;

  /** `basePath` is the folder of the page, with both slashes. */
  constructor(rpc: Rpc, basePath: string) {
    this.#rpc = rpc;
    this.#basePath = basePath;
  }

  /** A fresh address of a file. It is good for some minutes, and no longer than the connection. */
  async address(sessionKey: string, artifactId: string): Promise<string> {
    const params = { sessionKey, artifactId, transport: "http" };
    const answer = await this.#rpc.request<{ url?: unknown }>("artifacts.download", params);
    // Only a file of this gateway: an answer must not be able to send the page anywhere else.
    if (typeof answer.url !== "string" || !answer.url.startsWith(DOWNLOADS)) throw new Error("the gateway has no address for this file");
    return this.#basePath + answer.url.slice(1);
  }
}
