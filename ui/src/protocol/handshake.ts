// Builds the `connect` request: who we are, what we ask for, and which credential we show.
import { type DeviceIdentity, signedText } from "./device";
import type { Challenge, ConnectAuth, ConnectParams } from "./types";

export const CLIENT_ID = "openclaw-control-ui";
export const CLIENT_MODE = "webchat";
export const ROLE = "operator";
export const SCOPES: readonly string[] = [
  "operator.admin",
  "operator.read",
  "operator.write",
  "operator.approvals",
  "operator.questions",
  "operator.pairing",
];
export const CAPABILITIES: readonly string[] = ["tool-events"];
const PROTOCOL = 4;
/** Fixed, because a platform that changes (a phone asking for the desktop site) would need a new approval. */
const PLATFORM = "web";

export type Credential =
  | { kind: "none" }
  /** From the printed link; the gateway accepts it once. */
  | { kind: "login"; code: string }
  /** The gateway's shared secret, from `#token=` or typed into the form. */
  | { kind: "secret"; secret: string; typed: boolean }
  /** What the gateway gave this browser after its first sign-in. */
  | { kind: "device"; token: string };

export function authOf(credential: Credential): ConnectAuth | undefined {
  switch (credential.kind) {
    case "none":
      return undefined;
    case "login":
      return { bootstrapToken: credential.code };
    case "secret":
      // A person does not know whether the gateway's secret is called token or password.
      return credential.typed
        ? { token: credential.secret, password: credential.secret }
        : { token: credential.secret };
    case "device":
      return { deviceToken: credential.token };
  }
}

export interface ConnectInput {
  identity: DeviceIdentity;
  credential: Credential;
  challenge: Challenge;
  instanceId: string;
  version: string;
  displayName?: string | undefined;
  timeZone?: string | undefined;
  locale?: string | undefined;
}

export async function connectParams(input: ConnectInput): Promise<ConnectParams> {
  const { identity, challenge } = input;
  const auth = authOf(input.credential);
  const signature = await identity.sign(
    signedText({
      deviceId: identity.id,
      clientId: CLIENT_ID,
      clientMode: CLIENT_MODE,
      role: ROLE,
      scopes: SCOPES,
      signedAtMs: challenge.ts,
      token: auth?.token ?? auth?.deviceToken ?? auth?.bootstrapToken ?? "",
      nonce: challenge.nonce,
      platform: PLATFORM,
      deviceFamily: "",
    }),
  );
  return {
    minProtocol: PROTOCOL,
    maxProtocol: PROTOCOL,
    client: {
      id: CLIENT_ID,
      version: input.version,
      platform: PLATFORM,
      mode: CLIENT_MODE,
      instanceId: input.instanceId,
      ...(input.displayName === undefined ? {} : { displayName: input.displayName }),
      ...(input.timeZone === undefined ? {} : { timeZone: input.timeZone }),
    },
    role: ROLE,
    scopes: [...SCOPES],
    caps: [...CAPABILITIES],
    device: {
      id: identity.id,
      publicKey: identity.publicKey,
      signature,
      signedAt: challenge.ts,
      nonce: challenge.nonce,
    },
    ...(auth === undefined ? {} : { auth }),
    ...(input.locale === undefined ? {} : { locale: input.locale }),
  };
}

/** "Firefox on Linux": what the operator reads in the list of devices. */
export function browserName(userAgent: string): string {
  const browsers: [RegExp, string][] = [
    [/Edg\//, "Edge"],
    [/OPR\//, "Opera"],
    [/Firefox\//, "Firefox"],
    [/Chrome\//, "Chrome"],
    [/Safari\//, "Safari"],
  ];
  const systems: [RegExp, string][] = [
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, "macOS"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ];
  const find = (table: [RegExp, string][]): string | undefined => table.find(([test]) => test.test(userAgent))?.[1];
  const browser = find(browsers) ?? "Browser";
  const system = find(systems);
  return system === undefined ? browser : `${browser} on ${system}`;
}
