// What a refused `connect` means for the person in front of the page: a text, the next step, and
// whether the page may try again by itself.
import type { RpcError } from "../protocol/errors";
import type { Credential } from "../protocol/handshake";

export interface Notice {
  title: string;
  body: string;
  /** One command for a terminal on the gateway's machine. */
  command?: string;
}

/** What stands between the person and the chat. */
export type Gate =
  | { kind: "open" }
  | { kind: "sign-in"; notice?: Notice }
  | { kind: "pairing"; notice: Notice; requestId: string | undefined }
  | { kind: "limited"; notice: Notice; untilMs: number }
  | { kind: "blocked"; notice: Notice };

export interface Verdict {
  gate: Gate;
  /** The credential shown is useless from now on. */
  forget: boolean;
  /** The device key itself is refused: make a new one. */
  newDevice?: boolean;
  retry: { after: "never" } | { after: "backoff" } | { after: "delay"; delayMs: number };
}

/** How often a page that waits for approval asks again. */
const PAIRING_RETRY_MS = 2_000;
/** When the gateway does not say how long a lockout lasts. */
const LIMITED_MS_DEFAULT = 60_000;

const NEW_LINK: Pick<Notice, "command"> = { command: "torana dashboard" };
const NEVER = { after: "never" } as const;

export function judgeRefusal(error: RpcError, shown: Credential["kind"], nowMs: number, origin: string): Verdict {
  const signIn = (notice: Notice | undefined, forget: boolean): Verdict => ({
    gate: notice === undefined ? { kind: "sign-in" } : { kind: "sign-in", notice },
    forget,
    retry: NEVER,
  });

  switch (error.detailCode) {
    case "AUTH_TOKEN_MISSING":
    case "AUTH_PASSWORD_MISSING":
    case "AUTH_REQUIRED":
    case "DEVICE_IDENTITY_REQUIRED":
      return signIn(undefined, false);

    case "AUTH_TOKEN_MISMATCH":
    case "AUTH_PASSWORD_MISMATCH":
    case "AUTH_UNAUTHORIZED":
      return signIn(wrongSecret(shown), true);

    case "AUTH_BOOTSTRAP_TOKEN_INVALID":
      return signIn(
        {
          title: "This sign-in link does not work any more",
          body: "A link works once and for ten minutes. Print a new one in a terminal on the gateway's machine:",
          ...NEW_LINK,
        },
        true,
      );

    case "AUTH_DEVICE_TOKEN_MISMATCH":
      return signIn(
        {
          title: "This browser is not signed in any more",
          body: "Its access was revoked or replaced. What you wrote here is kept. Print a new link in a terminal on the gateway's machine:",
          ...NEW_LINK,
        },
        true,
      );

    case "AUTH_SCOPE_MISMATCH":
      return signIn(
        {
          title: "This browser was approved for less than this page needs",
          body: "Sign in again with a new link, or enter the gateway secret:",
          ...NEW_LINK,
        },
        true,
      );

    case "AUTH_TOKEN_NOT_CONFIGURED":
    case "AUTH_PASSWORD_NOT_CONFIGURED":
      return signIn(
        {
          title: "The gateway has no secret to compare with",
          body: "Its configuration asks for one that is not set. A sign-in link works without it:",
          ...NEW_LINK,
        },
        true,
      );

    case "AUTH_RATE_LIMITED": {
      const waitMs = error.retryAfterMs ?? LIMITED_MS_DEFAULT;
      return {
        gate: {
          kind: "limited",
          untilMs: nowMs + waitMs,
          notice: {
            title: "Too many failed sign-ins",
            body: "The gateway refuses every attempt from here for a while. This page tries again by itself.",
          },
        },
        forget: false,
        retry: { after: "delay", delayMs: waitMs },
      };
    }

    case "PAIRING_REQUIRED":
      return pairing(error);

    case "CONTROL_UI_ORIGIN_NOT_ALLOWED":
      return blocked({
        title: "The gateway does not accept this address",
        body: `Pages from ${origin} are not allowed yet. Add the address to gateway.controlUi.allowedOrigins:`,
        command: `torana config set gateway.controlUi.allowedOrigins '["${origin}"]'`,
      });

    case "PROTOCOL_MISMATCH":
      return blocked({
        title: "This page and the gateway do not match",
        body: "The gateway was updated while this page was open. Reload the page.",
      });

    case "CONTROL_UI_DEVICE_IDENTITY_REQUIRED":
      return blocked({
        title: "The gateway did not accept this browser's key",
        body: "Reload the page. If that does not help, allow this site to store data and reload again.",
      });

    case "DEVICE_AUTH_DEVICE_ID_MISMATCH":
    case "DEVICE_AUTH_PUBLIC_KEY_INVALID":
      return {
        ...signIn(
          {
            title: "This browser's key was damaged and has been replaced",
            body: "Sign in once more with a new link, or enter the gateway secret:",
            ...NEW_LINK,
          },
          true,
        ),
        newDevice: true,
      };

    default:
      return other(error);
  }
}

function wrongSecret(shown: Credential["kind"]): Notice {
  if (shown === "secret") {
    return {
      title: "That is not this gateway's secret",
      body: "Check the value and try again, or print a sign-in link in a terminal on the gateway's machine:",
      ...NEW_LINK,
    };
  }
  return { title: "The gateway did not accept the sign-in", body: "Print a new sign-in link:", ...NEW_LINK };
}

function pairing(error: RpcError): Verdict {
  const id = error.details["requestId"];
  const requestId = typeof id === "string" ? id : undefined;
  const texts: Record<string, string> = {
    "scope-upgrade": "It is known, but asks for more rights than it was approved for.",
    "role-upgrade": "It is known, but asks for another role than it was approved for.",
    "metadata-upgrade": "It is known, but its details changed.",
  };
  const reason = error.details["reason"];
  const why = (typeof reason === "string" ? texts[reason] : undefined) ?? "It is new to this gateway.";
  return {
    gate: {
      kind: "pairing",
      requestId,
      notice: {
        title: "Waiting for approval of this browser",
        body: `${why} Approve it under “Status” in a browser that is signed in, or in a terminal on the gateway's machine; this page continues by itself.`,
        command: `torana devices approve ${requestId ?? ""}`.trim(),
      },
    },
    forget: false,
    retry: { after: "delay", delayMs: PAIRING_RETRY_MS },
  };
}

function blocked(notice: Notice): Verdict {
  return { gate: { kind: "blocked", notice }, forget: false, retry: NEVER };
}

/** Starting, restarting, busy, or a proof that failed on the way: time heals these. */
function other(error: RpcError): Verdict {
  if (error.code === "NOT_PAIRED") {
    return { gate: { kind: "sign-in", notice: { title: "This browser is not known to the gateway", body: "Print a sign-in link:", ...NEW_LINK } }, forget: false, retry: NEVER };
  }
  if (error.code === "INVALID_REQUEST" && !error.detailCode.startsWith("DEVICE_AUTH_")) {
    return blocked({ title: "The gateway refused this page", body: error.message });
  }
  return {
    gate: { kind: "open" },
    forget: false,
    retry: error.retryAfterMs === undefined ? { after: "backoff" } : { after: "delay", delayMs: error.retryAfterMs },
  };
}
