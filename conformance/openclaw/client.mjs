// The published client, connected.

import { GatewayClient } from "@openclaw/gateway-client";
import { PROTOCOL_VERSION } from "@openclaw/gateway-protocol/version";

import { within } from "../lib/checks.mjs";

/** A slow machine is no failure. */
const CONNECT_MS = 30_000;

/** A connected client of the gateway, which goes on connecting until it is stopped. */
export async function connect(gateway, scopes) {
  let greeted;
  const hello = new Promise((resolve, reject) => (greeted = { resolve, reject }));
  const client = new GatewayClient({
    url: gateway.url,
    token: gateway.token,
    minProtocol: PROTOCOL_VERSION,
    maxProtocol: PROTOCOL_VERSION,
    scopes,
    onHelloOk: greeted.resolve,
    onConnectError: greeted.reject,
  });
  client.start();
  try {
    await within(CONNECT_MS, "hello-ok", hello);
  } catch (error) {
    client.stop();
    throw error;
  }
  return client;
}
