"use strict";
// Offer, answer and candidates of one RTCPeerConnection (RFC 8829, RFC 8838). Knows no page and no relay.
((call) => {
  /** Milliseconds until an unanswered offer is sent again; the last one then stays. */
  const REPEAT_DELAYS = [3000, 4500, 6500, 10000];
  /** A partner with more paths than this is not in earnest. */
  const MAX_CANDIDATES = 200;

  class Negotiation {
    #connection;
    #send;
    #onproblem;
    #operations = Promise.resolve(); // one after the other, in the order in which messages came
    #early = []; // candidates that came before the description that they belong to
    #candidateCount = 0;
    #repeats = 0;
    #repeatTimer = 0;
    #closed = false;

    /** `send(type, payload)` hands a message to the partner; `onproblem(code, error)` hears what went wrong. */
    constructor({ connection, send, onproblem }) {
      this.#connection = connection;
      this.#send = send;
      this.#onproblem = onproblem;
      connection.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    }

    get waitsForAnswer() {
      return this.#connection.signalingState === "have-local-offer";
    }

    /** Whether both descriptions are set: what is missing then is only the network. */
    get settled() {
      return this.#connection.signalingState === "stable" && this.#connection.remoteDescription !== null;
    }

    get localDescription() {
      return this.#connection.localDescription;
    }

    get remoteDescription() {
      return this.#connection.remoteDescription;
    }

    offer() {
      return this.#enqueue("offer-failed", async () => {
        await this.#connection.setLocalDescription();
        this.#sendOffer();
      });
    }

    receiveOffer(description) {
      return this.#enqueue("bad-offer", async () => {
        const { remoteDescription, signalingState } = this.#connection;
        if (remoteDescription && call.isSameDescription(remoteDescription, description)) {
          // Our answer was lost on its way, or has only just crossed this repetition.
          if (signalingState === "stable") this.#sendDescription();
          return;
        }
        await this.#connection.setRemoteDescription(description);
        await this.#addEarlyCandidates();
        await this.#connection.setLocalDescription();
        this.#sendDescription();
      });
    }

    receiveAnswer(description) {
      return this.#enqueue("bad-answer", async () => {
        if (!this.waitsForAnswer) return; // the answer to a repetition of our offer
        await this.#connection.setRemoteDescription(description);
        clearTimeout(this.#repeatTimer);
        await this.#addEarlyCandidates();
      });
    }

    receiveCandidate(candidate) {
      return this.#enqueue("bad-candidate", async () => {
        this.#candidateCount += 1;
        if (this.#candidateCount > MAX_CANDIDATES) return;
        if (this.#connection.remoteDescription) await this.#connection.addIceCandidate(candidate);
        else this.#early.push(candidate);
      });
    }

    close() {
      this.#closed = true;
      clearTimeout(this.#repeatTimer);
      this.#connection.close();
    }

    async #addEarlyCandidates() {
      for (const candidate of this.#early.splice(0)) {
        try {
          await this.#connection.addIceCandidate(candidate);
        } catch (error) {
          this.#onproblem("bad-candidate", error); // one bad path must not cost the call
        }
      }
    }

    #trickle(candidate) {
      // null ends the candidates (RFC 8838 §14); the dictionary form is one that every addIceCandidate takes.
      const end = { candidate: "", sdpMid: null, sdpMLineIndex: null };
      if (!this.#closed) this.#send("ice-candidate", candidate?.toJSON() ?? end);
    }

    /** Until it is answered: the partner may only just have come, or have thrown the offer away. */
    #sendOffer() {
      if (this.#closed) return;
      this.#sendDescription();
      const delay = REPEAT_DELAYS[Math.min(this.#repeats, REPEAT_DELAYS.length - 1)];
      this.#repeats += 1;
      this.#repeatTimer = setTimeout(() => this.#sendOffer(), delay);
    }

    /** The local description, which by now may hold candidates too. */
    #sendDescription() {
      const { type, sdp } = this.#connection.localDescription;
      this.#send(type, { type, sdp });
    }

    #enqueue(code, operation) {
      this.#operations = this.#operations.then(async () => {
        if (this.#closed) return;
        try {
          await operation();
        } catch (error) {
          if (!this.#closed) this.#onproblem(code, error);
        }
      });
      return this.#operations;
    }
  }

  call.Negotiation = Negotiation;
})((globalThis.call ??= {}));
