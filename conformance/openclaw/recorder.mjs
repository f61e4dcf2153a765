// A transparent WebSocket proxy that keeps every frame the gateway sends, so that all of them can be checked
// and not only those that the client hands to its caller.

import { once } from "node:events";

import { WebSocket, WebSocketServer } from "ws";

/** Listens on a free port and forwards to the gateway. */
export async function record(gatewayUrl) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const frames = [];
  const methods = new Map();
  const requests = [];
  let connections = 0;
  server.on("connection", (client, request) => {
    const connection = (connections += 1);
    const upstream = new WebSocket(gatewayUrl + request.url);
    const waiting = [];
    client.on("message", (data) => {
      const text = data.toString();
      const frame = JSON.parse(text);
      if (frame.type === "req") {
        methods.set(frame.id, frame.method);
        requests.push({ connection, frame });
      }
      if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
      else waiting.push(text);
    });
    upstream.on("open", () => waiting.splice(0).forEach((text) => upstream.send(text)));
    upstream.on("message", (data, isBinary) => {
      const text = data.toString();
      frames.push({ text, isBinary, connection });
      if (client.readyState === WebSocket.OPEN) client.send(text);
    });
    upstream.on("close", (code, reason) => {
      // 1005 and 1006 mean that no close frame came; they cannot be sent on.
      if (code === 1005 || code === 1006) client.terminate();
      else client.close(code, reason.toString());
    });
    client.on("close", () => upstream.close());
    upstream.on("error", () => client.terminate());
    client.on("error", () => upstream.terminate());
  });
  return {
    url: `ws://127.0.0.1:${server.address().port}`,
    /** Everything the gateway has sent so far. */
    frames,
    /** Every request the client has sent so far, with the number of its connection. */
    requests,
    /** The method of a request id. */
    methodOf: (id) => methods.get(id),
    close: () => server.close(),
  };
}
