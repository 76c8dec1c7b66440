"use strict";
// The settings as fields: way of signaling, server, room, token and ICE servers.
((call) => {
  const element = (id) => document.getElementById(id);

  class SettingsForm {
    /** Called when the user changed the way to the other side: signaling, server, room or token. */
    onchange = () => {};

    #remembered = new call.Memory("localStorage"); // for good: no secrets
    #ofThisTab = new call.Memory("sessionStorage"); // until the tab is closed, for a reload needs them: secrets
    #ownIceServers = false; // the user edited them: what a relay sends no longer matters
    #iceEditor = new call.IceServerEditor(element("ice-servers"), element("ice-server"), element("add-ice-server"));

    constructor() {
      for (const id of ["server", "room", "token", "signaling"]) {
        element(id).addEventListener("change", (event) => this.#changed(event.target.id));
      }
      this.#iceEditor.onedit = () => this.#iceEdited();
    }

    get language() {
      return this.#remembered.get("lang");
    }

    set language(value) {
      this.#remembered.set("lang", value);
    }

    get signaling() {
      return element("signaling-local").checked ? "local" : "ws";
    }

    get server() {
      return element("server").value.trim() || call.defaultServer(location);
    }

    get room() {
      return element("room").value.trim();
    }

    get token() {
      return element("token").value;
    }

    set token(value) {
      element("token").value = value;
      this.#ofThisTab.set("token", value ? { server: this.server, value } : undefined);
    }

    get iceServers() {
      return this.#iceEditor.servers;
    }

    /** A link that names a call says it all: what it leaves out is the default, never what this browser remembers. */
    async fill(address) {
      const namesCall = address.role !== null || address.room !== null || address.start;
      const remembered = namesCall ? undefined : this.#remembered.get("server");
      element("server").value = address.server ?? remembered ?? call.defaultServer(location);
      element("room").value = address.room ?? "";
      if (address.token === null) this.#recallToken();
      else this.token = address.token;
      const given = address.signaling ?? (address.server === null ? null : "ws");
      const signaling = given ?? ((await call.isServedByRelay(location)) ? "ws" : "local");
      element(`signaling-${signaling}`).checked = true;
      const iceServers = call.readIceServers(this.#ofThisTab.get("iceServers"));
      this.#ownIceServers = iceServers.length > 0;
      this.#iceEditor.servers = iceServers;
      this.#draw();
    }

    /** ICE servers that the relay sent; the user's own go first. */
    offerIceServers(servers) {
      if (this.#ownIceServers) return;
      this.#iceEditor.servers = servers;
      this.#drawIceOrigin();
    }

    lock(locked) {
      for (const id of ["signaling-ws", "signaling-local", "server", "room", "token"]) element(id).disabled = locked;
      element("settings-locked").hidden = !locked;
    }

    /** Shows the user where the token goes. */
    askForToken() {
      element("settings").open = true;
      element("token").focus();
    }

    translate() {
      this.#drawIceOrigin();
    }

    /** A token is told to the server that it was given for, and to no other: a link may name any. */
    #recallToken() {
      const token = this.#ofThisTab.get("token");
      element("token").value = token?.server === this.server ? token.value : "";
    }

    #changed(id) {
      if (id === "server") this.#recallToken();
      if (id === "token") this.token = element("token").value;
      const server = element("server").value.trim();
      this.#remembered.set("server", server === call.defaultServer(location) ? undefined : server);
      this.#draw();
      this.onchange();
    }

    #iceEdited() {
      this.#ownIceServers = element("ice-servers").children.length > 0;
      this.#ofThisTab.set("iceServers", this.#ownIceServers ? this.#iceEditor.servers : undefined);
      this.#drawIceOrigin();
    }

    #draw() {
      const local = this.signaling === "local";
      element("server-field").hidden = local;
      element("token-field").hidden = local;
      this.#drawIceOrigin();
    }

    #drawIceOrigin() {
      const { length } = this.#iceEditor.servers;
      const origin = this.#ownIceServers ? "ice-own" : length ? "ice-from-relay" : "ice-none";
      element("ice-origin").textContent = call.t(origin);
    }
  }

  call.SettingsForm = SettingsForm;
})((globalThis.call ??= {}));
