"use strict";
// Puts the parts together: what the user does becomes calls of the session, what the session tells becomes the page.
((call) => {
  const element = (id) => document.getElementById(id);

  class App {
    #form = new call.SettingsForm();
    #notices = new call.Notices(element("notices"));
    #log = new call.CandidateLog(element("candidates"), element("candidate-count"));
    #session = new call.Session({ iceServers: () => this.#form.iceServers });
    #stage = new call.Stage(this.#session);
    #localStream = null;
    #asking = false; // the browser is asking the user for the camera
    #membership = "none"; // as last drawn
    #attempt = 0; // counts starts and stops: a camera that opens after "stop" is closed again

    constructor() {
      this.#session.onchange = () => this.#draw();
      this.#session.onnotice = (code, detail) => this.#tell(code, detail);
      this.#session.oncandidate = (direction, candidate) => this.#log.add(direction, candidate);
      this.#form.onchange = () => this.#settingsChanged();
      element("roles").addEventListener("change", (event) => this.#chooseRole(event.target.value));
      element("start").addEventListener("click", () => this.#start());
      element("stop").addEventListener("click", () => this.#stop());
      element("reset").addEventListener("click", () => this.#reset());
      element("languages").addEventListener("click", (event) => this.#chooseLanguage(event.target.value));
      element("copy-candidates").addEventListener("click", () => this.#copyLog());
      element("clear-candidates").addEventListener("click", () => this.#log.clear());
      addEventListener("hashchange", () => this.#takeToken()); // a link with a token, opened in this very tab
      addEventListener("pagehide", () => this.#session.reset()); // the partner need not wait for a timeout
      addEventListener("pageshow", (event) => event.persisted && location.reload()); // "back" finds a page that left
    }

    async open() {
      const address = { ...call.readAddress(location.search), token: call.takeToken() };
      call.setLanguage(address.lang ?? this.#form.language ?? call.preferredLanguage(navigator.languages));
      for (const { name, value, values } of address.unknown) {
        const possible = { name, detail: value, values: values.join(", ") };
        this.#notices.show(`address-${name}`, "address-unknown", possible);
      }
      this.#draw();
      await this.#form.fill(address);
      const role = address.role ?? (address.start ? "offerer" : null);
      if (role) this.#chooseRole(role);
      if (address.start && this.#mayStartFromLink(address)) await this.#start();
    }

    /** Neither another page nor a relay of a stranger's choice gets the camera without a click. */
    #mayStartFromLink({ server }) {
      if (call.isOpenedByAnother(window)) {
        this.#notices.show("link", "link-opened", {}, "info");
        return false;
      }
      const target = server === null ? null : call.normalizeServer(server, location);
      if (target === null || this.#form.signaling === "local" || call.isTrustedServer(target, location)) return true;
      this.#notices.show("link", "link-server", { detail: target }, "info");
      return false;
    }

    // ---- what the user does

    #chooseRole(role) {
      this.#notices.clear("relay", "role-changed");
      this.#join(role);
    }

    #join(role) {
      this.#notices.clear("signaling", "relay", "connection-failed");
      if (this.#form.signaling === "local") {
        this.#session.join(new call.LocalSignaling(), { role, room: this.#form.room });
        return;
      }
      const url = call.normalizeServer(this.#form.server, location);
      if (url === null) {
        this.#session.reset();
        this.#notices.show("signaling", "server-wrong", { detail: this.#form.server });
        return;
      }
      const { room, token } = this.#form;
      this.#session.join(new call.WebSocketSignaling(url), { role, room, token });
    }

    async #start() {
      this.#notices.clear("media", "microphone", "link", "connection-failed");
      if (["none", "refused"].includes(this.#session.membership)) this.#join(this.#session.role);
      const attempt = ++this.#attempt;
      this.#asking = true;
      this.#draw();
      const { stream, problems } = await call.openMedia();
      if (attempt !== this.#attempt) {
        call.closeMedia(stream);
        return;
      }
      this.#asking = false;
      for (const problem of problems) this.#tellMediaProblem(problem);
      this.#useMedia(stream);
      this.#session.start(stream);
    }

    #stop() {
      this.#endMedia();
      this.#session.stop();
    }

    #reset() {
      this.#endMedia();
      this.#session.reset();
      this.#log.clear();
      this.#notices.clearAll();
      element("role-offerer").focus();
    }

    #settingsChanged() {
      if (this.#session.role !== null && this.#session.membership !== "none") this.#join(this.#session.role);
      this.#draw();
    }

    #takeToken() {
      const token = call.takeToken();
      if (token === null) return;
      this.#form.token = token;
      if (!this.#areSettingsLocked) this.#settingsChanged();
    }

    #chooseLanguage(language) {
      if (!language) return;
      this.#form.language = language;
      call.setLanguage(language);
      this.#notices.translate();
      this.#log.translate();
      this.#form.translate();
      this.#draw();
    }

    async #copyLog() {
      const copied = await call.copyText(this.#log.toString());
      element("copy-result").textContent = call.t(copied ? "copied" : "copy-failed");
    }

    // ---- camera and microphone

    #useMedia(stream) {
      this.#localStream = stream;
      this.#stage.localStream = stream;
      for (const track of stream.getTracks()) {
        const device = track.kind === "video" ? "camera" : "microphone";
        track.addEventListener("ended", () => this.#notices.show("media", `ended-${device}`));
      }
    }

    #endMedia() {
      this.#attempt += 1;
      this.#asking = false;
      call.closeMedia(this.#localStream);
      this.#localStream = null;
      this.#stage.localStream = null;
    }

    #tellMediaProblem({ device, reason, detail }) {
      const key = `${reason}-${device}` in call.texts ? `${reason}-${device}` : `${reason}-both`;
      this.#notices.show(device === "microphone" ? "microphone" : "media", key, { detail });
    }

    // ---- what the session tells

    #tell(code, detail) {
      if (code === "relay") this.#tellRelayError(detail);
      else if (code === "role-changed") this.#notices.show(code, `became-${detail}`, {}, "info");
      else if (code === "connection-failed") this.#notices.show(code, code);
      else if (code === "signaling") this.#tellSignalingProblem(detail);
      else this.#notices.show("negotiation", code, { detail: detail.message });
    }

    #tellRelayError({ code, message }) {
      const known = `error-${code}`;
      if (typeof code === "string" && Object.hasOwn(call.texts, known)) this.#notices.show("relay", known);
      else this.#notices.show("relay", "error-other", { detail: message ?? code ?? "error" });
      if (code === "unauthorized") this.#form.askForToken();
    }

    #tellSignalingProblem(error) {
      if (error.message === "local-insecure") this.#notices.show("signaling", "local-insecure");
      else if (error instanceof DOMException) this.#notices.show("signaling", "server-unusable", { detail: error.message });
      else this.#notices.show("signaling", "signaling-problem", { detail: error.message });
    }

    get #isBusy() {
      return this.#session.started || this.#asking;
    }

    /** Settings rest while there is a call, unless it is they that keep the page out of it. */
    get #areSettingsLocked() {
      const { membership, signaling } = this.#session;
      const isKeptOut = membership === "refused" && signaling === "closed";
      return this.#isBusy && !isKeptOut;
    }

    #draw() {
      const session = this.#session;
      const { connection, role } = session;
      const phase = this.#asking ? "asking" : session.phase;
      const busy = this.#isBusy;
      const root = document.documentElement.dataset;
      root.phase = phase;
      root.role = role ?? "";
      root.connection = connection?.connectionState ?? (root.connection === "new" ? "new" : "closed");
      this.#stage.draw(call.t(`phase-${phase}`));
      this.#drawStates(session);
      for (const value of call.ROLES) {
        element(`role-${value}`).checked = value === role;
        element(`role-${value}`).disabled = busy;
      }
      this.#drawStartAndStop(role !== null && !busy, busy);
      element("reset").disabled = role === null;
      for (const button of element("languages").children) {
        button.setAttribute("aria-pressed", String(button.value === call.language()));
      }
      this.#form.lock(this.#areSettingsLocked);
      if (session.membership === "joined" && this.#membership !== "joined") this.#onJoined();
      this.#membership = session.membership;
      if (connection?.connectionState === "connected") this.#notices.clear("connection-failed", "negotiation");
      this.#drawPartnerLink(phase);
    }

    /** A disabled button loses the focus: whoever uses the keyboard finds it on the other one. */
    #drawStartAndStop(canStart, canStop) {
      const [start, stop] = [element("start"), element("stop")];
      const focused = document.activeElement;
      start.disabled = !canStart;
      stop.disabled = !canStop;
      if (focused === start && canStop) stop.focus();
      if (focused === stop && canStart) start.focus();
    }

    #onJoined() {
      this.#form.offerIceServers(this.#session.relayIceServers);
      this.#notices.clear("relay", "signaling");
    }

    #drawStates({ connection, signaling, room }) {
      element("connection-state").textContent = connection?.connectionState ?? document.documentElement.dataset.connection;
      element("ice-state").textContent = connection?.iceConnectionState ?? "new";
      element("signaling-state").textContent = connection?.signalingState ?? "stable";
      element("relay-state").textContent = call.t(`relay-${signaling}`);
      element("room-state").textContent = call.printable(room, 40) || "–";
      document.documentElement.dataset.relay = signaling;
    }

    #drawPartnerLink(phase) {
      const link = element("open-partner");
      link.hidden = !["waiting", "waiting-started"].includes(phase);
      if (link.hidden) return;
      const { signaling, server, token } = this.#form;
      link.href = call.partnerLink(location, {
        role: this.#session.role,
        room: this.#session.room,
        signaling,
        server: signaling === "ws" && server !== call.defaultServer(location) ? server : null,
        lang: call.language(),
        token: signaling === "ws" ? token : "",
      });
    }
  }

  new App().open();
})((globalThis.call ??= {}));
