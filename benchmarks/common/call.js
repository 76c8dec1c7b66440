"use strict";
// One end of a measured call, as a plain page would hold it: a camera, a microphone, trickled candidates.
((bench) => {
  class Call {
    #options;
    #watch;
    #stream;
    #look;
    #socket;
    #role;
    #connection = null;
    #joined;
    #failed;
    #steps = Promise.resolve(); // messages are handled one after the other
    #early = []; // candidates that came before the description
    /** Resolves when there is a place in the room. */
    joined = new Promise((resolve, reject) => ([this.#joined, this.#failed] = [resolve, reject]));

    /** `look` is called with the partner's video track. */
    constructor(options, watch, stream, look) {
      this.#options = options;
      this.#watch = watch;
      this.#stream = stream;
      this.#look = look;
      this.#socket = new WebSocket(options.relay);
      this.#socket.onopen = () => this.#send("join", { role: options.role, roomId: options.room });
      this.#socket.onerror = () => this.#failed(new Error(`no relay at ${options.relay}`));
      this.#socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    }

    get connection() {
      return this.#connection;
    }

    #receive(message) {
      if (message.type === "ready") this.#watch.readyAt ??= bench.unixTime();
      this.#steps = this.#steps.then(() => this.#handle(message));
    }

    async #handle({ type, role, payload }) {
      if (type === "joined") {
        this.#role = role;
        this.#joined();
      } else if (type === "ready") {
        this.#open();
        if (this.#role === "offerer") await this.#describe();
      } else if (type === "offer" && this.#connection.remoteDescription === null) {
        await this.#connection.setRemoteDescription(payload);
        this.#preferCodec();
        await this.#describe();
        await this.#addEarly();
      } else if (type === "answer" && this.#connection.signalingState === "have-local-offer") {
        await this.#connection.setRemoteDescription(payload);
        await this.#addEarly();
      } else if (type === "ice-candidate") {
        if (this.#connection.remoteDescription) await this.#connection.addIceCandidate(payload);
        else this.#early.push(payload);
      }
    }

    #open() {
      const iceServers = this.#options.ice_servers.map((urls) => ({ urls }));
      this.#connection = new RTCPeerConnection({ iceServers });
      for (const track of this.#stream.getTracks()) this.#connection.addTrack(track, this.#stream);
      this.#preferCodec();
      this.#connection.onicecandidate = ({ candidate }) => {
        this.#send("ice-candidate", candidate?.toJSON() ?? { candidate: "", sdpMid: null, sdpMLineIndex: null });
      };
      this.#connection.ontrack = ({ track }) => {
        if (track.kind === "video") this.#look(track);
      };
    }

    #preferCodec() {
      const wanted = [`video/${this.#options.codec}`, "video/rtx"];
      for (const transceiver of this.#connection.getTransceivers()) {
        if (transceiver.receiver.track.kind !== "video") continue;
        const { codecs } = RTCRtpReceiver.getCapabilities("video");
        transceiver.setCodecPreferences(codecs.filter((codec) => wanted.includes(codec.mimeType)));
      }
    }

    async #describe() {
      const connection = this.#connection;
      const offers = connection.signalingState === "stable";
      const { type, sdp } = offers ? await connection.createOffer() : await connection.createAnswer();
      await connection.setLocalDescription({ type, sdp });
      this.#send(type, { type, sdp });
    }

    async #addEarly() {
      for (const candidate of this.#early.splice(0)) await this.#connection.addIceCandidate(candidate);
    }

    #send(type, payload) {
      this.#socket.send(JSON.stringify({ type, payload }));
    }
  }

  bench.Call = Call;
})((globalThis.bench ??= {}));
