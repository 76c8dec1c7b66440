"use strict";
// Where the settings come from: the page's address, then what this browser remembers, then a default.
((call) => {
  const KEY = "webrtc-peer:settings";
  const SERVER_ELSEWHERE = "ws://localhost:8080";

  /** The address parameters. `unknown` lists those whose value means nothing here. */
  function readAddress(search) {
    const parameters = new URLSearchParams(search);
    const unknown = [];
    const oneOf = (name, values) => {
      const value = parameters.get(name);
      if (value === null || values.includes(value)) return value;
      unknown.push({ name, value, values });
      return null;
    };
    return {
      role: oneOf("role", call.ROLES),
      signaling: oneOf("signaling", ["ws", "local"]),
      lang: oneOf("lang", ["en", "zh"]),
      room: parameters.get("room"),
      server: parameters.get("server"),
      start: parameters.has("start"),
      unknown,
    };
  }

  /** The token in an address's fragment, `#token=...`, as it was meant; null if there is none. */
  function readToken(hash) {
    const found = /[#&]token=([^&]*)/.exec(hash);
    if (found === null) return null;
    try {
      return decodeURIComponent(found[1]);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      return found[1]; // typed by hand, with a bare percent sign
    }
  }

  /** Takes the token out of the page's address, where bookmarks, screenshots and copied links would tell it. */
  function takeToken() {
    const token = readToken(location.hash);
    if (token !== null) history.replaceState(history.state, "", location.href.replace(/#.*$/, ""));
    return token;
  }

  /**
   * Whether another page opened this one or shows it in a frame, as far as a page can tell. The relay sees more
   * (Sec-Fetch-Site): it takes `start` out of links that pages without an opener or referrer lead to.
   */
  function isOpenedByAnother(window) {
    const { referrer } = window.document;
    const isLinkedFromElsewhere = referrer !== "" && new URL(referrer).origin !== window.location.origin;
    return window.opener !== null || window.top !== window.self || isLinkedFromElsewhere;
  }

  /** A link to this page that takes the other side of the same call; the token is where no server sees it. */
  function partnerLink(location, { role, room, signaling, server, lang, token }) {
    const link = new URL(location.pathname, location.href);
    const parameters = { role: call.otherRole(role), room, signaling, server, lang };
    for (const [name, value] of Object.entries(parameters)) if (value) link.searchParams.set(name, value);
    return `${link.href}&start${token ? `#token=${encodeURIComponent(token)}` : ""}`;
  }

  /** The relay that serves this page, else the one that a relay started without options would be. */
  function defaultServer(location) {
    if (!location.protocol.startsWith("http")) return SERVER_ELSEWHERE;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    return `${scheme}//${location.host}${location.pathname.replace(/[^/]*$/, "")}`;
  }

  /** What was typed as the relay's address, as a WebSocket address; null if it can't be one. */
  function normalizeServer(text, location) {
    const typed = text.trim();
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : scheme + typed;
    const address = whole.replace(/^http(s?):/i, "ws$1:");
    if (/\s/.test(address) || !/^wss?:/i.test(address) || !URL.canParse(address)) return null;
    const url = new URL(address);
    url.hash = "";
    return url.href;
  }

  /** Whether a link may name this relay and have the camera started without a click. */
  function isTrustedServer(server, location) {
    const { hostname } = new URL(server);
    const loopback = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
    return loopback || hostname === location.hostname;
  }

  /** Whether this page comes from a relay: its neighbour /healthz then answers as a relay does. */
  async function isServedByRelay(location) {
    if (!location.protocol.startsWith("http")) return false;
    try {
      const response = await fetch(new URL("healthz", new URL(location.pathname, location.href)), {
        signal: AbortSignal.timeout(3000),
      });
      return response.ok && !(response.headers.get("Content-Type") ?? "").startsWith("text/html");
    } catch (error) {
      console.debug("no relay here:", error); // no server at all is a good answer too
      return false;
    }
  }

  /** Storage may be forbidden (cookies blocked, a sandbox): the page then works, and forgets. */
  function storage(name) {
    try {
      return globalThis[name];
    } catch (error) {
      console.debug(`${name} is forbidden:`, error);
      return null;
    }
  }

  class Memory {
    #area;
    #values;

    /** `area` is "localStorage" or "sessionStorage". */
    constructor(area) {
      this.#area = storage(area);
      this.#values = this.#read();
    }

    get(name) {
      return this.#values[name];
    }

    set(name, value) {
      if (value === undefined || value === "") delete this.#values[name];
      else this.#values[name] = value;
      this.#area?.setItem(KEY, JSON.stringify(this.#values));
    }

    #read() {
      try {
        const values = JSON.parse(this.#area?.getItem(KEY) ?? "{}");
        return values !== null && typeof values === "object" ? values : {};
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return {}; // not of our making
      }
    }
  }

  Object.assign(call, {
    Memory,
    readAddress,
    takeToken,
    isOpenedByAnother,
    partnerLink,
    defaultServer,
    normalizeServer,
    isTrustedServer,
    isServedByRelay,
  });
})((globalThis.call ??= {}));
