// The gateway at a glance: itself, its channels, who asks to be let in, and the models.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { errorText } from "../protocol/errors";
import type { ChannelAccount, DevicePairingRequest, ModelEntry, PairingRequest } from "../protocol/types";
import { type ChannelRow, accountState } from "../state/gateway";
import { ConnectionBadge } from "./connection-badge";
import { useApp } from "./context";
import { SetupHelp } from "./demo-banner";
import { ConfirmDialog } from "./dialogs";
import { duration, shortTime, visibleName } from "./format";
import { Icon } from "./icons";

/** More would bury the rest of the panel; `torana` lists them all. */
const MODELS_SHOWN_MAX = 8;

export function StatusPanel(): JSX.Element {
  const app = useApp();
  const closer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    closer.current?.focus();
    // On a phone the button that opened the panel is in the closed drawer.
    const opener = app.appearance.narrow.peek() ? "#drawer-button" : "#status-button";
    return () => document.querySelector<HTMLElement>(opener)?.focus();
  }, []);
  return (
    <aside class="status" aria-label="Gateway status">
      <header class="status-head">
        <h2>Status</h2>
        <button ref={closer} type="button" class="ghost" aria-label="Close gateway status" onClick={() => (app.drawer.value = "none")}>
          <Icon name="close" />
        </button>
      </header>
      <div class="status-body">
        <GatewaySection />
        <WaitingSection />
        <ChannelsSection />
        <ModelsSection />
        <BrowserSection />
      </div>
    </aside>
  );
}

function Section({ title, error, children }: { title: string; error?: string | undefined; children: ComponentChildren }): JSX.Element {
  return (
    <section class="panel">
      <h3>{title}</h3>
      {error === undefined ? null : <p class="error-text">{error}</p>}
      {children}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function GatewaySection(): JSX.Element {
  const { gateway } = useApp();
  const hello = gateway.hello.value;
  const health = gateway.health.value;
  const startedAtMs = gateway.startedAtMs.value;
  const nowMs = useNow();
  return (
    <Section title="Gateway" error={gateway.errors.value["health"]}>
      <dl class="facts">
        <Fact name="Connection">
          <ConnectionBadge />
        </Fact>
        <Fact name="Health">
          <span class="badge">
            <span class={`dot ${health?.ok === true ? "good" : health?.ok === false ? "bad" : "off"}`} aria-hidden="true" />
            {health?.ok === true ? "Healthy" : health?.ok === false ? "Degraded" : "Unknown"}
          </span>
        </Fact>
        <Fact name="Version">{gateway.version.value ?? __UI_VERSION__}</Fact>
        <Fact name="Speaks">OpenClaw {hello?.server.version ?? ""}</Fact>
        {startedAtMs === undefined ? null : <Fact name="Up for">{duration(nowMs - startedAtMs)}</Fact>}
        <Fact name="Address">{location.host}</Fact>
      </dl>
    </Section>
  );
}

function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}

// ——— who asks to be let in ———

function WaitingSection(): JSX.Element | null {
  const { gateway } = useApp();
  const pairings = gateway.pairings.value;
  const devices = gateway.devices.value;
  const error = gateway.errors.value["channels.pairing.list"] ?? gateway.errors.value["device.pair.list"];
  if (pairings.length === 0 && devices.length === 0 && error === undefined) return null;
  return (
    <Section title="Waiting for your approval" error={error}>
      <ul class="cards">
        {pairings.map((request) => (
          <Waiting key={`${request.channel}/${request.accountId}/${request.requestId}`} name={request.senderLabel ?? request.senderId} facts={pairingFacts(request)} decide={(approve) => gateway.decidePairing(request, approve)} />
        ))}
        {devices.map((request) => (
          <Waiting key={request.requestId} name={request.displayName ?? request.clientId ?? "A device"} facts={deviceFacts(request)} decide={(approve) => gateway.decideDevice(request, approve)} />
        ))}
      </ul>
    </Section>
  );
}

function pairingFacts(request: PairingRequest): [string, string][] {
  const expiresAtMs = Date.parse(request.expiresAt ?? "");
  return [
    ["Code", request.metadata?.code ?? request.requestId],
    ["Sender", request.senderId],
    ["Channel", `${request.channelLabel ?? request.channel} · ${request.accountLabel ?? request.accountId}`],
    ...(Number.isNaN(expiresAtMs) ? [] : [["Expires", shortTime(expiresAtMs, Date.now())] as [string, string]]),
  ];
}

function deviceFacts(request: DevicePairingRequest): [string, string][] {
  return [
    ["Request", request.requestId],
    ["Device", `${request.platform ?? "unknown"}${request.remoteIp === undefined ? "" : ` · ${request.remoteIp}`}`],
    ["Asks for", (request.scopes ?? []).join(", ") || (request.role ?? "access")],
  ];
}

function Waiting(props: { name: string; facts: [string, string][]; decide: (approve: boolean) => Promise<void> }): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const decide = async (approve: boolean): Promise<void> => {
    setBusy(true);
    setError("");
    try {
      await props.decide(approve);
    } catch (thrown) {
      setError(errorText(thrown));
    }
    setBusy(false);
  };
  return (
    <li class="card">
      <p class="card-title">
        <bdi>{visibleName(props.name)}</bdi>
      </p>
      <dl class="facts small-text">
        {props.facts.map(([name, value]) => (
          <Fact key={name} name={name}>
            <bdi class={name === "Code" ? "pair-code" : undefined}>{visibleName(value)}</bdi>
          </Fact>
        ))}
      </dl>
      {error === "" ? null : (
        <p class="error-text" role="alert">
          {error}
        </p>
      )}
      <div class="card-actions">
        <button type="button" class="primary small" disabled={busy} onClick={() => void decide(true)}>
          Approve
        </button>
        <button type="button" class="quiet small" disabled={busy} onClick={() => void decide(false)}>
          Dismiss
        </button>
      </div>
    </li>
  );
}

// ——— channels and models ———

function ChannelsSection(): JSX.Element {
  const { gateway } = useApp();
  const rows = gateway.channels.value;
  return (
    <Section title="Channels" error={gateway.errors.value["channels.status"]}>
      {rows.length === 0 ? <p class="muted">No messaging channel is configured. WebChat is this page.</p> : null}
      {rows.map((row) => (
        <Channel key={row.id} row={row} />
      ))}
    </Section>
  );
}

function Channel({ row }: { row: ChannelRow }): JSX.Element {
  return (
    <div class="channel">
      <h4>{row.label}</h4>
      <ul>
        {row.accounts.map((account) => (
          <Account key={account.accountId} account={account} />
        ))}
      </ul>
    </div>
  );
}

function Account({ account }: { account: ChannelAccount }): JSX.Element {
  const state = accountState(account);
  return (
    <li class="account">
      <span class="account-line">
        <bdi>{account.accountId}</bdi>
        <span class="badge">
          <span class={`dot ${state.tone}`} aria-hidden="true" />
          {state.text}
        </span>
      </span>
      {account.lastError ? <span class={state.tone === "bad" ? "error-text" : "muted small-text"}>{account.lastError}</span> : null}
    </li>
  );
}

function ModelsSection(): JSX.Element {
  const { gateway, sessions } = useApp();
  const models = gateway.models.value;
  const row = sessions.current.value;
  const inUse = row.model;
  const shown = models.slice(0, MODELS_SHOWN_MAX);
  return (
    <Section title="Models" error={gateway.errors.value["models.list"]}>
      {gateway.isDemo.value ? (
        <>
          <p>The built-in demo agent answers. No model is configured.</p>
          <SetupHelp />
        </>
      ) : null}
      <ul class="models">
        {shown.map((model) => (
          <Model key={`${model.provider ?? ""}/${model.id}`} model={model} inUse={model.id === inUse && (row.modelProvider ?? model.provider) === model.provider} />
        ))}
      </ul>
      {models.length > shown.length ? <p class="muted small-text">and {models.length - shown.length} more</p> : null}
    </Section>
  );
}

function Model({ model, inUse }: { model: ModelEntry; inUse: boolean }): JSX.Element {
  return (
    <li class="account-line">
      <bdi class={model.available === false ? "muted" : undefined}>{model.provider === undefined ? model.id : `${model.provider}/${model.id}`}</bdi>
      <span class="chips">
        {inUse ? <span class="chip strong">in use</span> : null}
        {model.tags?.includes("default") === true ? <span class="chip">default</span> : null}
        {model.available === false ? <span class="chip">unavailable</span> : null}
      </span>
    </li>
  );
}

function BrowserSection(): JSX.Element {
  const app = useApp();
  const [asking, setAsking] = useState(false);
  return (
    <Section title="This browser">
      <button type="button" class="quiet" onClick={() => setAsking(true)}>
        Sign out
      </button>
      {asking ? (
        <ConfirmDialog
          title="Sign out of this browser?"
          text="Unsent texts and drafts on this browser are removed. To come back you need a new link from torana dashboard, or the gateway secret."
          action="Sign out"
          onConfirm={() => app.signOut()}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </Section>
  );
}
