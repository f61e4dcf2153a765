// Honest about the demo agent, and precise about the way to a real one.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { SetupOffer } from "../protocol/types";
import { Command } from "./command";
import { useApp } from "./context";
import { Icon } from "./icons";

const GENERIC_COMMAND = "torana config set agents.defaults.model.primary <provider>/<model>";

export function DemoBanner(): JSX.Element | null {
  const app = useApp();
  const [open, setOpen] = useState(false);
  if (!app.gateway.isDemo.value) return null;
  return (
    <section class="demo" aria-label="Demo agent">
      <div class="demo-line">
        <Icon name="spark" size={17} />
        <span class="demo-text">
          Built-in demo agent. <span class="muted">No AI model is configured yet, so no provider is asked.</span>
        </span>
        <button type="button" class="quiet small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Hide" : "Set up a model"}
        </button>
      </div>
      {open ? <SetupHelp /> : null}
    </section>
  );
}

export function SetupHelp(): JSX.Element {
  const { gateway } = useApp();
  const offers = gateway.offers.value;
  return (
    <div class="setup">
      {offers.length === 0 ? (
        <>
          <p>Name a model in the configuration and give the gateway its provider's key as an environment variable (for example ANTHROPIC_API_KEY or OPENAI_API_KEY).</p>
          <Command text={GENERIC_COMMAND} />
        </>
      ) : (
        <>
          <p>Found on the gateway's machine, and used only after you say so:</p>
          <ul class="offers">
            {offers.map((offer, index) => (
              <Offer key={index} offer={offer} />
            ))}
          </ul>
        </>
      )}
      <ServerSearch />
    </div>
  );
}

/** The gateway asks nobody unasked, so a person has to want it. */
function ServerSearch(): JSX.Element {
  const { gateway } = useApp();
  const state = gateway.search.value;
  const found = gateway.offers.value.filter((offer) => offer.baseUrl).length;
  const failure = gateway.errors.value["torana.setup.offers"];
  return (
    <div class="setup-search">
      <button type="button" class="quiet small" disabled={state === "running"} onClick={() => void gateway.searchServers()}>
        {state === "running" ? "Looking…" : "Look for model servers on the gateway's machine"}
      </button>
      <span class="muted" role="status">
        {state !== "over" ? "" : (failure ?? (found === 0 ? "None answers: neither Ollama, LM Studio nor llama.cpp runs there on its usual port." : ""))}
      </span>
    </div>
  );
}

function Offer({ offer }: { offer: SetupOffer }): JSX.Element {
  const model = offer.model ?? "<model>";
  const reference = model.startsWith(`${offer.provider}/`) ? model : `${offer.provider}/${model}`;
  const facts = new Set([offer.source, offer.model, offer.baseUrl].filter(Boolean));
  return (
    <li>
      <p class="offer-head">
        <strong>
          <bdi>{offer.name ?? offer.provider}</bdi>
        </strong>
        <span class="muted">
          <bdi>{[...facts].join(" · ")}</bdi>
        </span>
      </p>
      {offer.note === undefined || offer.note === "" ? null : <p class="muted">{offer.note}</p>}
      <Command text={offer.command ?? `torana config set agents.defaults.model.primary ${reference}`} />
    </li>
  );
}
