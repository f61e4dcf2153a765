import { expect, test } from "vitest";
import { placeOf } from "./place";

function socketOf(address: string, script: string): string {
  return placeOf(new URL(address), script).socketUrl;
}

test.each([
  ["http://127.0.0.1:18789/", "http://127.0.0.1:18789/assets/index-x.js", "ws://127.0.0.1:18789/"],
  ["https://gw.example/torana/", "https://gw.example/torana/assets/index-x.js", "wss://gw.example/torana/"],
  ["http://[::1]:18789/", "http://[::1]:18789/assets/index-x.js", "ws://[::1]:18789/"],
  // Development: the script is not in `assets`.
  ["http://localhost:5173/", "http://localhost:5173/src/main.tsx", "ws://localhost:5173/"],
])("%s talks to its own origin", (address, script, socket) => {
  expect(socketOf(address, script)).toBe(socket);
});

test.each([
  "?gatewayUrl=wss://evil.example", "?url=ws://evil.example/", "#gatewayUrl=wss://evil.example", "#token=x&gatewayUrl=wss://evil.example",
  "?token=x&gateway=evil.example", "#/wss://evil.example", "?host=evil.example", "#host=evil.example", "?ws=//evil.example", "#@evil.example",
  "?basePath=//evil.example/", "#login=x&origin=https://evil.example",
])("no link changes the gateway: %s", (tail) => {
  expect(socketOf(`http://127.0.0.1:18789/${tail}`, "http://127.0.0.1:18789/assets/index-x.js")).toBe("ws://127.0.0.1:18789/");
});

test("a script from elsewhere does not count", () => {
  expect(socketOf("http://127.0.0.1:18789/", "http://evil.example/evil/assets/x.js")).toBe("ws://127.0.0.1:18789/");
});
