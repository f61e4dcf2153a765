// Why a request had no result: refused by the gateway, cut off by the connection, or too late.
// The three need different answers from the caller, so they are three types.
import type { WireError } from "./types";

/** The gateway answered with an error. */
export class RpcError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(error: WireError) {
    super(error.message);
    this.name = "RpcError";
    this.code = error.code;
    this.details = error.details ?? {};
    this.retryable = error.retryable === true || this.details["retryable"] === true;
    const fromDetails = this.details["retryAfterMs"];
    this.retryAfterMs = error.retryAfterMs ?? (typeof fromDetails === "number" ? fromDetails : undefined);
  }

  /** The finer code; the outer one has only five values. */
  get detailCode(): string {
    const code = this.details["code"];
    return typeof code === "string" ? code : "";
  }
}

/** The socket closed before the answer came; whether the gateway acted on the request is unknown. */
export class ConnectionLost extends Error {
  constructor() {
    super("the connection to the gateway was lost");
    this.name = "ConnectionLost";
  }
}

/** No answer within the request's deadline. */
export class RequestTimeout extends Error {
  constructor(method: string) {
    super(`the gateway did not answer ${method} in time`);
    this.name = "RequestTimeout";
  }
}

/** One sentence for a person, whatever was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
