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
  const offers = app.gateway.offers.value;
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
      {open ? <SetupHelp offers={offers} /> : null}
    </section>
  );
}

export function SetupHelp({ offers }: { offers: SetupOffer[] }): JSX.Element {
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
    </div>
  );
}

function Offer({ offer }: { offer: SetupOffer }): JSX.Element {
  const model = offer.model ?? "<model>";
  const reference = model.startsWith(`${offer.provider}/`) ? model : `${offer.provider}/${model}`;
  const facts = [offer.source, offer.model, offer.baseUrl].filter((fact) => fact !== undefined && fact !== "");
  return (
    <li>
      <p class="offer-head">
        <strong>
          <bdi>{offer.name ?? offer.provider}</bdi>
        </strong>
        <span class="muted">
          <bdi>{facts.join(" · ")}</bdi>
        </span>
      </p>
      {offer.note === undefined || offer.note === "" ? null : <p class="muted">{offer.note}</p>}
      <Command text={offer.command ?? `torana config set agents.defaults.model.primary ${reference}`} />
    </li>
  );
}
