"use strict";
// Signaling between two tabs of one browser, with no server: messages travel as `storage` events of localStorage.
// Each member of a room holds a Web Lock for as long as it is there. The browser lets go of it even when a tab
// crashes, so waiting for the partner's lock is waiting for the partner to leave.
((call) => {
  const PREFIX = "webrtc-peer";
  const roomKey = (room) => `${PREFIX}:room:${room}`;
  const mailboxKey = (id) => `${PREFIX}:to:${id}`;
  const memberLock = (id) => `${PREFIX}:member:${id}`;

  class LocalSignaling {
    /** The same three as WebSocketSignaling has. */
    onmessage = () => {};
    onstate = () => {};
    onproblem = () => {};

    #membership = null; // {id, room, left: AbortController, release()}; set from join() until we leave
    #partner = null; // the id of the other member

    join({ role, room }) {
      this.#leave();
      if (!navigator.locks) {
        this.onproblem(new Error("local-insecure"));
        this.onstate("closed");
        return;
      }
      this.onstate("connecting");
      const membership = { id: crypto.randomUUID(), room: room || "", left: new AbortController() };
      this.#membership = membership;
      this.#enter(membership, role).catch((error) => {
        if (membership.left.signal.aborted) return;
        this.onproblem(error);
        this.close();
      });
    }

    send(type, payload) {
      if (this.#partner === null) return false;
      post(this.#partner, { type, payload });
      return true;
    }

    close() {
      this.#leave();
      this.onstate("closed");
    }

    async #enter(membership, wanted) {
      const { id, room, left } = membership;
      await holdLock(memberLock(id), new Promise((release) => (membership.release = release)));
      await navigator.locks.request(roomKey(room), async () => {
        if (left.signal.aborted) return;
        addEventListener("storage", (event) => this.#receive(event), { signal: left.signal });
        const entry = await addMember(room, id, wanted);
        // Told under the room's lock: whoever comes next can't be ready before we know that we joined.
        if (!left.signal.aborted) this.#entered(entry);
      });
    }

    #entered(entry) {
      const { id, room } = this.#membership;
      this.onstate("open");
      if (entry === null) {
        this.#leave();
        this.onmessage({ type: "error", code: "room-full" });
        return;
      }
      this.onmessage({ type: "joined", roomId: room, role: entry.role });
      if (entry.partner === null) return;
      post(entry.partner, { type: "ready", from: id });
      this.#pair(entry.partner);
    }

    #pair(partner) {
      const { left } = this.#membership;
      this.#partner = partner;
      this.onmessage({ type: "ready" });
      navigator.locks
        .request(memberLock(partner), { signal: left.signal }, () => {
          if (this.#partner !== partner) return;
          this.#partner = null;
          this.onmessage({ type: "peer-disconnected" });
        })
        .catch((error) => {
          if (error.name !== "AbortError") this.onproblem(error);
        });
    }

    #receive(event) {
      if (event.storageArea !== localStorage || event.key !== mailboxKey(this.#membership.id)) return;
      if (event.newValue === null) return; // the sender tidied up
      try {
        const { from, ...message } = call.parseMessage(event.newValue);
        if (message.type === "ready") this.#pair(String(from));
        else this.onmessage(message);
      } catch (error) {
        if (!(error instanceof call.MessageError)) throw error;
        this.onproblem(error);
      }
    }

    #leave() {
      if (this.#membership === null) return;
      const { id, room, left, release } = this.#membership;
      this.#membership = null;
      this.#partner = null;
      left.abort();
      release();
      navigator.locks.request(roomKey(room), () => removeMember(room, id)).catch(this.onproblem);
    }
  }

  /** Resolves once the lock is held; it is held until `until` resolves. */
  function holdLock(name, until) {
    return new Promise((resolve, reject) => {
      navigator.locks
        .request(name, () => {
          resolve();
          return until;
        })
        .catch(reject);
    });
  }

  function readMembers(room) {
    const members = JSON.parse(localStorage.getItem(roomKey(room)) ?? "[]");
    return Array.isArray(members) ? members : [];
  }

  function writeMembers(room, members) {
    if (members.length) localStorage.setItem(roomKey(room), JSON.stringify(members));
    else localStorage.removeItem(roomKey(room));
  }

  /** {role, partner: id or null}, or null when two others are in the room. Only under the room's lock. */
  async function addMember(room, id, wanted) {
    const { held } = await navigator.locks.query();
    const alive = new Set(held.map((lock) => lock.name));
    const members = readMembers(room).filter((member) => alive.has(memberLock(member.id)));
    if (members.length > 1) return null;
    const [partner] = members;
    const role = partner?.role === wanted ? call.otherRole(wanted) : wanted;
    writeMembers(room, [...members, { id, role }]);
    return { role, partner: partner?.id ?? null };
  }

  function removeMember(room, id) {
    writeMembers(
      room,
      readMembers(room).filter((member) => member.id !== id),
    );
  }

  /** The event that setItem causes carries the value, so it need not stay in storage. */
  function post(id, message) {
    localStorage.setItem(mailboxKey(id), JSON.stringify(message));
    localStorage.removeItem(mailboxKey(id));
  }

  call.LocalSignaling = LocalSignaling;
})((globalThis.call ??= {}));
