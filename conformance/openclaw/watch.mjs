// What a page said on its sockets, and everything that must not happen to it.

export class Watch {
  frames = [];
  requests = [];
  refused = new Map();
  complaints = [];
  #methods = new Map();

  constructor(page) {
    page.on("pageerror", (error) => this.complaints.push(error.message));
    let sockets = 0;
    page.on("websocket", (socket) => {
      const connection = (sockets += 1);
      socket.on("framesent", ({ payload }) => this.#sent(payload, connection));
      socket.on("framereceived", ({ payload }) => this.#received(payload, connection));
    });
  }

  methodOf = (id) => this.#methods.get(id);

  #sent(payload, connection) {
    const frame = JSON.parse(payload);
    if (frame.type !== "req") return;
    this.#methods.set(frame.id, frame.method);
    this.requests.push({ connection, frame });
  }

  #received(payload, connection) {
    const text = String(payload);
    this.frames.push({ text, isBinary: false, connection });
    const frame = JSON.parse(text);
    if (frame.type === "res" && !frame.ok) this.refused.set(this.methodOf(frame.id), frame.error?.message);
  }
}
