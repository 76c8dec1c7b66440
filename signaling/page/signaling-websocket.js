"use strict";
// Signaling through a relay, over a WebSocket that is opened again whenever it is lost.
((call) => {
  const FIRST_DELAY = 200;
  const LONGEST_DELAY = 5000;
  const PING_INTERVAL = 20000;
  const PONG_TIMEOUT = 10000;

  class WebSocketSignaling {
    /** Called with each message of the relay, as parseMessage gives it; `joined` has `resumed`: our place was kept. */
    onmessage = () => {};
    /** Called with "connecting", "open", "retrying" or "closed". */
    onstate = () => {};
    /** Called with an Error when a frame cannot be read, or the address cannot be used at all. */
    onproblem = () => {};

    #url;
    #membership = null; // what to ask for on each new socket; set by join()
    #socket = null;
    #resume = null; // the relay's secret to take our place again; set by "joined"
    #attempts = 0;
    #retryTimer = 0;
    #pingTimer = 0;
    #pongTimer = 0;

    constructor(url) {
      this.#url = url;
    }

    join({ role, room, token }) {
      this.#membership = { role, roomId: room || undefined, token: token || undefined };
      this.#resume = null;
      if (this.#socket === null) this.#open();
      else if (this.#socket.readyState === WebSocket.OPEN) this.#sendJoin();
    }

    /** False when the relay is out of reach: the message is dropped, and negotiation repeats what matters. */
    send(type, payload) {
      if (this.#socket?.readyState !== WebSocket.OPEN) return false;
      this.#socket.send(JSON.stringify({ type, payload }));
      return true;
    }

    /** Leaves for good. A closed socket is the one way to leave that every relay understands. */
    close() {
      this.#membership = null;
      this.#dropSocket();
      clearTimeout(this.#retryTimer);
      this.onstate("closed");
    }

    #open() {
      clearTimeout(this.#retryTimer); // join() may come while one is due, and two sockets would be two clients
      this.onstate(this.#attempts ? "retrying" : "connecting");
      let socket;
      try {
        socket = new WebSocket(this.#url);
      } catch (error) {
        // A malformed address, or ws: from a page loaded over https: trying again would not help.
        this.onproblem(error);
        this.close();
        return;
      }
      this.#socket = socket;
      socket.onopen = () => {
        this.#attempts = 0;
        this.onstate("open");
        this.#sendJoin();
        this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL);
      };
      socket.onmessage = (event) => this.#receive(event.data);
      socket.onclose = () => this.#lost();
    }

    #sendJoin() {
      const resume = this.#resume ?? undefined;
      this.send("join", { ...this.#membership, resume });
    }

    #receive(text) {
      clearTimeout(this.#pongTimer);
      let message;
      try {
        message = call.parseMessage(text);
      } catch (error) {
        if (!(error instanceof call.MessageError)) throw error;
        this.onproblem(error);
        return;
      }
      if (message.type === "joined") {
        const resume = typeof message.resume === "string" ? message.resume : null;
        message.resumed = resume !== null && resume === this.#resume; // else it is a new place, of a new secret
        this.#resume = resume;
        // On the next socket, ask for the very place that was given.
        if (call.ROLES.includes(message.role)) this.#membership.role = message.role;
        if (typeof message.roomId === "string") this.#membership.roomId = message.roomId;
      }
      this.onmessage(message);
    }

    /** A socket whose network went away stays silent for minutes: an unanswered ping tells sooner. */
    #ping() {
      this.send("ping");
      clearTimeout(this.#pongTimer);
      this.#pongTimer = setTimeout(() => this.#lost(), PONG_TIMEOUT);
    }

    #lost() {
      this.#dropSocket();
      // Full jitter: after a restart of the relay its clients do not all come back at once.
      const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#attempts);
      this.#attempts += 1;
      this.onstate("retrying");
      this.#retryTimer = setTimeout(() => this.#open(), longest * Math.random());
    }

    #dropSocket() {
      clearInterval(this.#pingTimer);
      clearTimeout(this.#pongTimer);
      if (this.#socket === null) return;
      Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
      this.#socket.close();
      this.#socket = null;
    }
  }

  call.WebSocketSignaling = WebSocketSignaling;
})((globalThis.call ??= {}));
