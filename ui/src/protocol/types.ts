// Wire types of the OpenClaw protocol, version 4, as far as this page uses them.
// Everything that comes from the gateway is optional unless the page cannot live without it:
// a missing field must degrade the display, never break it.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface WireError {
  code: string;
  message: string;
  details?: Record<string, unknown>;
  retryable?: boolean;
  retryAfterMs?: number;
}

export interface ResponseFrame {
  type: "res";
  id: string;
  ok: boolean;
  payload?: unknown;
  error?: WireError;
}

export interface EventFrame {
  type: "event";
  event: string;
  payload?: unknown;
  seq?: number;
}

export type Frame = ResponseFrame | EventFrame;

export interface Challenge {
  nonce: string;
  ts: number;
}

export interface ConnectAuth {
  token?: string;
  password?: string;
  deviceToken?: string;
  bootstrapToken?: string;
}

export interface ConnectParams {
  minProtocol: number;
  maxProtocol: number;
  client: {
    id: string;
    version: string;
    platform: string;
    mode: string;
    displayName?: string;
    timeZone?: string;
    instanceId?: string;
  };
  role: string;
  scopes: string[];
  caps: string[];
  device: { id: string; publicKey: string; signature: string; signedAt: number; nonce: string };
  auth?: ConnectAuth;
  locale?: string;
}

export interface SessionDefaults {
  defaultAgentId?: string;
  mainSessionKey?: string;
  modelConfigured?: boolean;
}

export interface HelloOk {
  type: "hello-ok";
  protocol: number;
  server: { version: string; connId: string; bootId?: string };
  features: { methods: string[]; events: string[] };
  snapshot: {
    health?: Health;
    uptimeMs?: number;
    sessionDefaults?: SessionDefaults;
    presence?: { mode?: string; host?: string; platform?: string }[];
  };
  auth: { role: string; scopes: string[]; method?: string; deviceToken?: string };
  policy: { tickIntervalMs: number; maxPayload: number };
}

export interface Health {
  ok?: boolean;
  ts?: number;
  durationMs?: number;
}

// ——— chat ———

export type ContentPart =
  | { type: "text"; text: string }
  | { type: "thinking"; thinking: string }
  | { type: "toolCall"; id: string; name: string; arguments?: unknown }
  | { type: string };

export interface WireMessage {
  role: string;
  content?: string | ContentPart[];
  timestamp?: number;
  idempotencyKey?: string;
  provider?: string;
  model?: string;
  stopReason?: string;
  errorMessage?: string;
  toolCallId?: string;
  toolName?: string;
  isError?: boolean;
  __openclaw?: {
    id?: string;
    seq?: number;
    runId?: string;
    kind?: string;
    idempotencyKey?: string;
    recordTimestampMs?: number;
  };
}

interface ChatEventCommon {
  runId: string;
  sessionKey: string;
  seq?: number;
}

export type ChatEvent = ChatEventCommon &
  (
    | { state: "status"; phase?: string; retry?: { attempt?: number; maxAttempts?: number; reason?: string } }
    | { state: "delta"; deltaText?: string; replace?: boolean; message?: WireMessage }
    | { state: "final"; message?: WireMessage; stopReason?: string }
    | { state: "aborted"; message?: WireMessage; stopReason?: string }
    | { state: "error"; errorMessage?: string; message?: WireMessage }
  );

export interface AgentEvent {
  runId: string;
  sessionKey?: string;
  stream: string;
  data?: Record<string, unknown>;
  ts?: number;
}

export interface PendingInput {
  id: string;
  runId?: string;
  message?: WireMessage;
  acceptedAt?: number;
  state?: "queued" | "cancelled" | "interrupted";
}

export interface HistoryResult {
  sessionKey?: string;
  sessionId?: string;
  messages: WireMessage[];
  hasMore?: boolean;
  nextOffset?: number;
  totalMessages?: number;
  inFlightRun?: { runId: string; text?: string; startedAt?: number };
  pendingInputs?: { items: PendingInput[]; total: number };
  inputReceipts?: { runId: string; state: "pending" | "consumed" }[];
  inputConsumptions?: { runId: string }[];
  sessionInfo?: SessionRow;
}

export interface SendResult {
  runId: string;
  status: "started" | "in_flight" | "ok" | string;
}

export interface RecoverResult {
  /** What became of the question that was taken back to be asked again. */
  continuation?: { status?: "started" | "rejected" | string };
}

export interface ChatCommand {
  name: string;
  description?: string;
  acceptsArgs?: boolean;
}

// ——— sessions ———

export interface SessionRow {
  key: string;
  sessionId?: string;
  agentId?: string;
  classification?: string;
  isMain?: boolean;
  chatType?: string;
  label?: string;
  displayName?: string;
  derivedTitle?: string;
  lastMessagePreview?: string;
  updatedAt?: number | null;
  archived?: boolean;
  unread?: boolean;
  hasActiveRun?: boolean;
  status?: string;
  modelProvider?: string;
  model?: string;
}

export interface SessionsChanged {
  sessionKey?: string;
  reason?: string;
  phase?: string;
  ts?: number;
  session?: SessionRow;
}

// ——— status panel ———

export interface ChannelAccount {
  accountId: string;
  enabled?: boolean;
  configured?: boolean;
  linked?: boolean;
  running?: boolean;
  connected?: boolean;
  lastError?: string | null;
}

export interface ChannelsStatus {
  ts?: number;
  channelOrder?: string[];
  channelLabels?: Record<string, string>;
  channels?: Record<string, { configured?: boolean; running?: boolean; lastError?: string | null }>;
  channelAccounts?: Record<string, ChannelAccount[]>;
}

export interface PairingRequest {
  requestId: string;
  channel: string;
  channelLabel?: string;
  accountId: string;
  accountLabel?: string;
  senderId: string;
  senderLabel?: string;
  /** The request object itself is closed; the code the sender was shown stands here. */
  metadata?: { code?: string };
  createdAt?: string;
  expiresAt?: string;
  notifySupported?: boolean;
}

export interface DevicePairingRequest {
  requestId: string;
  deviceId?: string;
  displayName?: string;
  platform?: string;
  clientId?: string;
  role?: string;
  scopes?: string[];
  remoteIp?: string;
}

export interface ModelEntry {
  id: string;
  name?: string;
  provider?: string;
  contextWindow?: number;
  local?: boolean;
  tags?: string[];
  available?: boolean;
}

export interface SetupOffer {
  provider: string;
  name?: string;
  source?: string;
  model?: string | null;
  baseUrl?: string | null;
  note?: string;
  command?: string;
}
