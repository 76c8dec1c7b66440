"use strict";
// What may come over signaling, checked: nothing from the other side is used before it went through here.
((call) => {
  const MAX_TEXT = 300;
  const ROLES = ["offerer", "answerer"];
  const FORWARDED = ["offer", "answer", "ice-candidate"];

  class MessageError extends Error {}

  /** Text from elsewhere made harmless to show: no control or direction-changing characters, bounded length. */
  function printable(text, limit = MAX_TEXT) {
    const visible = String(text).replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\uFFFD");
    return visible.length > limit ? `${visible.slice(0, limit)}…` : visible;
  }

  function parseJson(text, what) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new MessageError(`${what} is not JSON`, { cause: error });
    }
  }

  /** One text frame of a relay as {type, ...fields}; a reply's fields may stand at top level or in `payload`. */
  function parseMessage(text) {
    const message = parseJson(text, "the message");
    if (typeof message?.type !== "string") throw new MessageError("the message has no type");
    if (FORWARDED.includes(message.type)) return { type: message.type, payload: message.payload };
    const inPayload = message.payload !== null && typeof message.payload === "object" ? message.payload : {};
    return { ...inPayload, ...message };
  }

  /** A session description, which some pages send as a JSON string, as {type, sdp}. */
  function readDescription(payload, type) {
    const value = typeof payload === "string" ? parseJson(payload, `the ${type}`) : payload;
    if (typeof value?.sdp !== "string" || (value.type ?? type) !== type) {
      throw new MessageError(`the ${type} is not a session description`);
    }
    return { type, sdp: value.sdp };
  }

  /** An RTCIceCandidateInit; null and the empty candidate both mean end-of-candidates (RFC 8838 §8.2). */
  function readCandidate(payload) {
    const value = typeof payload === "string" && payload !== "" ? parseJson(payload, "the candidate") : payload;
    if (value === null || value === undefined || value === "") return { candidate: "" };
    if (typeof value !== "object" || typeof (value.candidate ?? "") !== "string") {
      throw new MessageError("the candidate is not an ICE candidate");
    }
    const { candidate = "", sdpMid = null, sdpMLineIndex = null, usernameFragment = null } = value;
    return { candidate: candidate ?? "", sdpMid, sdpMLineIndex, usernameFragment };
  }

  /** ICE servers that a relay sends, without what no browser would take. */
  function readIceServers(value) {
    if (!Array.isArray(value)) return [];
    const servers = [];
    for (const entry of value.slice(0, 16)) {
      const urls = [entry?.urls].flat().filter((url) => typeof url === "string" && call.isIceUrl(url));
      if (!urls.length) continue;
      const server = { urls };
      if (typeof entry.username === "string") server.username = entry.username;
      if (typeof entry.credential === "string") server.credential = entry.credential;
      servers.push(server);
    }
    return servers;
  }

  /** The lines of an SDP that name who made it and when: RFC 8866 §5.2, RFC 8839 §5.4, RFC 8122 §5. */
  function identity(sdp, pattern) {
    return [...new Set(sdp.match(pattern) ?? [])].join("\n");
  }

  /** Whether two descriptions are one and the same, though candidates may have been added to one since. */
  function isSameDescription(one, other) {
    const pattern = /^(?:o=|a=ice-ufrag:|a=fingerprint:).*$/gm;
    return one.type === other.type && identity(one.sdp, pattern) === identity(other.sdp, pattern);
  }

  /** Whether two descriptions come from one RTCPeerConnection: same session id (not version) and same certificate. */
  function isSameSession(one, other) {
    const pattern = /^(?:o=\S+ \S+|a=fingerprint:.*$)/gm;
    return identity(one.sdp, pattern) === identity(other.sdp, pattern);
  }

  /** The ICE username fragment of a description, the greatest where it has several. */
  function usernameFragment({ sdp }) {
    return [...sdp.matchAll(/^a=ice-ufrag:(\S+)/gm)].map(([, value]) => value).sort().at(-1) ?? "";
  }

  Object.assign(call, {
    ROLES,
    FORWARDED,
    MessageError,
    printable,
    parseMessage,
    readDescription,
    readCandidate,
    readIceServers,
    isSameDescription,
    isSameSession,
    usernameFragment,
    otherRole: (role) => (role === "offerer" ? "answerer" : "offerer"),
  });
})((globalThis.call ??= {}));
