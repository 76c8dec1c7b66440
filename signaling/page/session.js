"use strict";
// The life of this end of the call: in a room or not, alone or with a partner, started or not; and for each partner
// a connection of its own. Knows no page: whoever makes a Session listens to its callbacks.
((call) => {
  /** Milliseconds. */
  const CONNECT_TIMEOUT = 30000;
  const RETRY_DELAY = 1000;
  const FULL_ROOM_DELAY = 5000;
  const MAX_EARLY_CANDIDATES = 200;

  class Session {
    /** Something that `phase` or a property tells has changed. */
    onchange = () => {};
    /** (code, detail): something that the user should know. `detail` is an Error, a relay's message, or a role. */
    onnotice = () => {};
    /** (direction "sent" or "received", RTCIceCandidateInit). */
    oncandidate = () => {};

    role = null; // the role we have; what the relay says overrules what was asked for
    room = ""; // the room's name, as the relay tells it
    signaling = "closed"; // "connecting", "open", "retrying" or "closed": the way to the relay, or to the other tab
    membership = "none"; // "joining", "joined", "refused" or "none"
    hasPartner = false;
    started = false;
    relayIceServers = []; // from `joined`
    connection = null; // RTCPeerConnection; set while there is a call or an attempt at one
    remoteStream = null; // MediaStream of the connection's incoming tracks

    #iceServers;
    #channel = null;
    #wish = null; // what join() was asked for
    #localStream = null;
    #negotiation = null;
    #early = { offer: null, candidates: [] }; // what came before start
    #collided = null; // an offer that ours did not give way to
    #keepsCall = false; // the relay was lost during a call: its next `ready` is about that call
    #timers = { retry: 0, connect: 0, full: 0 };

    /** `iceServers()` gives the RTCIceServer list for the next connection. */
    constructor({ iceServers }) {
      this.#iceServers = iceServers;
    }

    /** One word for what is going on. */
    get phase() {
      if (this.connection && this.connection.connectionState !== "new") return this.connection.connectionState;
      if (this.role === null) return "idle";
      if (this.membership === "refused") return "refused";
      if (this.membership === "none") return "stopped";
      if (this.signaling === "retrying" || this.signaling === "connecting") return this.signaling + "-relay";
      if (this.membership === "joining") return "connecting-relay";
      if (!this.hasPartner) return this.started ? "waiting-started" : "waiting";
      if (!this.started) return "partner-here";
      return this.role === "offerer" ? "offering" : "expecting";
    }

    join(channel, wish) {
      this.#leave();
      this.role = wish.role;
      this.#wish = wish;
      this.#channel = channel;
      channel.onmessage = (message) => this.#receive(message);
      channel.onstate = (state) => this.#onSignalingState(state);
      channel.onproblem = (error) => this.onnotice("signaling", error);
      this.#sendJoin();
    }

    /** Begins to call or to answer, now or as soon as there is a partner. `stream` may lack tracks of either kind. */
    start(stream) {
      this.#localStream = stream;
      this.started = true;
      if (this.hasPartner) this.#connect();
      this.onchange();
    }

    /** Hangs up and leaves the room, so that the partner knows at once. */
    stop() {
      this.started = false;
      this.#localStream = null;
      this.#leave();
      this.onchange();
    }

    reset() {
      this.role = null;
      this.stop();
    }

    // ---- the room

    #sendJoin() {
      clearTimeout(this.#timers.full);
      this.membership = "joining";
      this.#channel.join(this.#wish);
      this.onchange();
    }

    #leave() {
      clearTimeout(this.#timers.full);
      this.#endCall();
      this.hasPartner = false;
      this.membership = "none";
      this.room = "";
      this.relayIceServers = [];
      this.#closeChannel();
    }

    #closeChannel() {
      const channel = this.#channel;
      this.#channel = null;
      if (channel === null) return;
      channel.onmessage = channel.onproblem = channel.onstate = () => {};
      channel.close();
      this.signaling = "closed";
    }

    #onSignalingState(state) {
      this.signaling = state;
      if (state === "retrying" && this.membership === "joined") {
        this.#keepsCall = this.connection?.connectionState === "connected";
        this.membership = "joining";
      }
      if (state === "closed") this.membership = "refused"; // the address is of no use
      this.onchange();
    }

    #receive(message) {
      const handlers = {
        joined: () => this.#onJoined(message),
        ready: () => this.#onReady(),
        "peer-disconnected": () => this.#onPartnerLeft(),
        error: () => this.#onError(message),
        offer: () => this.#onOffer(call.readDescription(message.payload, "offer")),
        answer: () => this.#negotiation?.receiveAnswer(call.readDescription(message.payload, "answer")),
        "ice-candidate": () => this.#onCandidate(call.readCandidate(message.payload)),
      };
      if (!Object.hasOwn(handlers, message.type)) return; // welcome, pong, and whatever a relay may add
      try {
        handlers[message.type]();
      } catch (error) {
        if (!(error instanceof call.MessageError)) throw error;
        this.onnotice("bad-message", error);
      }
    }

    #onJoined(message) {
      if (message.resumed) {
        this.#keepsCall = false; // nothing has changed, so no `ready` will follow
      } else {
        this.hasPartner = false;
        if (!this.#keepsCall) this.#endCall();
      }
      if (call.ROLES.includes(message.role) && message.role !== this.role) {
        this.role = message.role;
        this.onnotice("role-changed", message.role);
      }
      this.membership = "joined";
      this.room = typeof message.roomId === "string" ? message.roomId : "";
      this.relayIceServers = call.readIceServers(message.iceServers);
      this.onchange();
    }

    #onReady() {
      this.hasPartner = true;
      const sameCall = this.#keepsCall && this.connection?.connectionState === "connected";
      this.#keepsCall = false;
      if (!sameCall) {
        this.#endCall();
        if (this.started) this.#connect();
      }
      this.onchange();
    }

    #onPartnerLeft() {
      this.hasPartner = false;
      this.#endCall();
      this.onchange();
    }

    #onError(message) {
      const joining = this.membership === "joining";
      if (joining) this.membership = "refused";
      if (joining && message.code === "room-full") {
        // After a lost socket it may be ourselves who still hold the place.
        this.#timers.full = setTimeout(() => this.#sendJoin(), FULL_ROOM_DELAY);
      }
      if (joining && message.code === "unauthorized") this.#closeChannel(); // the same token would never do
      this.onchange();
      this.onnotice("relay", message);
    }

    // ---- the call

    #onOffer(description) {
      if (!this.started) {
        this.#keepOffer(description);
        return;
      }
      const negotiation = this.#negotiation;
      const known = negotiation?.remoteDescription;
      if (known?.type === "offer" && call.isSameSession(known, description)) {
        negotiation.receiveOffer(description);
      } else if (negotiation?.waitsForAnswer && !this.#yieldsTo(description)) {
        this.#collided = description;
      } else {
        this.#answer(description, this.#takeEarlyCandidates());
      }
    }

    #keepOffer(description) {
      const { offer } = this.#early;
      if (offer && !call.isSameDescription(offer, description)) this.#early.candidates = [];
      this.#early.offer = description;
    }

    /**
     * Both sides offer, against the roles: whether ours gives way. Two sides that compare as we do agree on it at
     * once; a partner that knows no roles gets its way by repeating its offer.
     */
    #yieldsTo(offer) {
      if (this.#collided && call.isSameDescription(this.#collided, offer)) return true;
      return call.usernameFragment(this.#negotiation.localDescription) < call.usernameFragment(offer);
    }

    #onCandidate(candidate) {
      this.oncandidate("received", candidate);
      if (this.#negotiation) this.#negotiation.receiveCandidate(candidate);
      else if (this.#early.candidates.length < MAX_EARLY_CANDIDATES) this.#early.candidates.push(candidate);
    }

    #connect() {
      const { offer } = this.#early;
      if (offer) this.#answer(offer, this.#takeEarlyCandidates());
      else if (this.role === "offerer") this.#offer();
    }

    #offer() {
      const negotiation = this.#open();
      this.#addReceivers();
      negotiation.offer();
    }

    #answer(offer, candidates) {
      const negotiation = this.#open();
      negotiation.receiveOffer(offer);
      for (const candidate of candidates) negotiation.receiveCandidate(candidate);
    }

    #takeEarlyCandidates() {
      const { candidates } = this.#early;
      this.#early = { offer: null, candidates: [] };
      return candidates;
    }

    /** A new connection, in place of any that there is. */
    #open() {
      this.#hangUp();
      const connection = new RTCPeerConnection({ iceServers: this.#iceServers() });
      this.connection = connection;
      this.remoteStream = new MediaStream();
      for (const track of this.#localStream?.getTracks() ?? []) connection.addTrack(track, this.#localStream);
      for (const type of ["connectionstatechange", "iceconnectionstatechange", "signalingstatechange"]) {
        connection.addEventListener(type, () => this.#onConnectionState(connection));
      }
      connection.addEventListener("track", ({ track }) => {
        this.remoteStream.addTrack(track);
        this.onchange();
      });
      this.#negotiation = new call.Negotiation({
        connection,
        send: (type, payload) => this.#send(type, payload),
        onproblem: (code, error) => this.onnotice(code, error),
      });
      this.onchange();
      return this.#negotiation;
    }

    /** Without a camera or microphone of our own we can still see and hear. An answerer need not ask for it. */
    #addReceivers() {
      const kinds = this.connection.getSenders().map((sender) => sender.track?.kind);
      for (const kind of ["audio", "video"]) {
        if (!kinds.includes(kind)) this.connection.addTransceiver(kind, { direction: "recvonly" });
      }
    }

    #send(type, payload) {
      if (type === "ice-candidate") this.oncandidate("sent", payload);
      this.#channel?.send(type, payload);
    }

    #onConnectionState(connection) {
      if (connection !== this.connection) return;
      clearTimeout(this.#timers.connect);
      if (connection.connectionState === "failed") this.#onFailure();
      else if (connection.connectionState === "connected") this.#watchTransports(connection);
      else if (this.#negotiation.settled) this.#watchConnecting(connection);
      this.onchange();
    }

    /** ICE does not give up while the partner might still send candidates. We do. */
    #watchConnecting(connection) {
      if (connection.connectionState === "disconnected") return;
      this.#timers.connect = setTimeout(() => this.#onFailure(), CONNECT_TIMEOUT);
    }

    /** A partner that closes its connection says so in DTLS (RFC 8446 §6.1), long before ICE would notice. */
    #watchTransports(connection) {
      for (const { transport } of [...connection.getSenders(), ...connection.getReceivers()]) {
        if (!transport) continue;
        transport.onstatechange = () => {
          if (connection === this.connection && transport.state === "closed") this.#onPartnerClosed();
        };
      }
    }

    /** Who offers offers anew; who answers waits for that, with the broken connection's state in view. */
    #onFailure() {
      this.#keepsCall = false;
      this.onnotice("connection-failed", null);
      if (!this.hasPartner) this.#onPartnerLeft(); // if the relay tells of a partner again, that is a new call
      else if (this.#hasOffered) this.#offerLater();
    }

    /** The relay mostly says in the same moment that they left. If not, they want another connection. */
    #onPartnerClosed() {
      const offersAgain = this.hasPartner && this.#hasOffered;
      this.#hangUp();
      if (offersAgain) this.#offerLater();
      this.onchange();
    }

    get #hasOffered() {
      return this.#negotiation?.localDescription?.type === "offer";
    }

    #offerLater() {
      clearTimeout(this.#timers.retry);
      this.#timers.retry = setTimeout(() => this.#offer(), RETRY_DELAY);
    }

    #endCall() {
      this.#early = { offer: null, candidates: [] };
      this.#hangUp();
    }

    #hangUp() {
      clearTimeout(this.#timers.retry);
      clearTimeout(this.#timers.connect);
      this.#negotiation?.close();
      this.#negotiation = null;
      this.connection = null;
      this.remoteStream = null;
      this.#collided = null;
      this.#keepsCall = false;
    }
  }

  call.Session = Session;
})((globalThis.call ??= {}));
