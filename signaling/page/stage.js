"use strict";
// The two pictures, the status over them, and the line of statistics below.
((call) => {
  const STATISTICS_INTERVAL = 1000;
  const element = (id) => document.getElementById(id);

  class Stage {
    #session;
    #localStream = null;
    #statistics = null; // the last summary: bitrates are differences
    #measured = null; // the connection that it is of

    constructor(session) {
      this.#session = session;
      element("hear").addEventListener("click", () => this.#hear());
      for (const device of ["microphone", "camera"]) {
        element(device).addEventListener("click", () => this.#toggle(device));
      }
      element("full-screen").addEventListener("click", () => this.#toggleFullScreen());
      document.addEventListener("fullscreenchange", () => this.#drawFullScreen());
      setInterval(() => this.#measure(), STATISTICS_INTERVAL);
    }

    set localStream(stream) {
      this.#localStream = stream;
      const hasVideo = Boolean(stream?.getVideoTracks().length);
      element("local").srcObject = hasVideo ? stream : null;
      element("local-frame").hidden = !hasVideo;
      this.#drawDevices();
    }

    /** `status` is the text that tells how things stand. */
    draw(status) {
      const line = element("status");
      if (line.textContent !== status) line.textContent = status; // or screen readers would say it again
      this.#drawRemote();
    }

    #drawRemote() {
      const remote = element("remote");
      const stream = this.#session.remoteStream;
      if (remote.srcObject === stream) return;
      remote.srcObject = stream;
      remote.muted = false;
      element("hear").hidden = true;
      if (stream) this.#play(remote);
    }

    /** Browsers may refuse to play sound before the page was clicked: show the picture then, and offer a button. */
    async #play(remote) {
      const stream = remote.srcObject;
      try {
        await remote.play();
      } catch (error) {
        if (remote.srcObject !== stream || error.name === "AbortError") return; // another call came meanwhile
        if (error.name !== "NotAllowedError") throw error;
        remote.muted = true;
        element("hear").hidden = false;
        await this.#play(remote);
      }
    }

    #hear() {
      element("remote").muted = false;
      element("hear").hidden = true;
      this.#play(element("remote"));
    }

    #tracks(device) {
      if (device === "camera") return this.#localStream?.getVideoTracks() ?? [];
      return this.#localStream?.getAudioTracks() ?? [];
    }

    #toggle(device) {
      for (const track of this.#tracks(device)) track.enabled = !track.enabled;
      this.#drawDevices();
    }

    #drawDevices() {
      for (const device of ["microphone", "camera"]) {
        const tracks = this.#tracks(device);
        element(device).disabled = !tracks.length;
        element(device).setAttribute("aria-pressed", String(tracks.every((track) => track.enabled)));
      }
      element("local-off").hidden = this.#tracks("camera").every((track) => track.enabled);
    }

    #toggleFullScreen() {
      const screen = element("screen");
      const remote = element("remote");
      if (document.fullscreenElement) document.exitFullscreen();
      else if (screen.requestFullscreen) screen.requestFullscreen();
      else remote.webkitEnterFullscreen?.(); // iPhones give the whole screen to videos only
    }

    #drawFullScreen() {
      element("full-screen").setAttribute("aria-pressed", String(document.fullscreenElement !== null));
    }

    async #measure() {
      const { connection } = this.#session;
      const spans = element("statistics").children;
      if (connection?.connectionState !== "connected") {
        this.#statistics = null;
        for (const span of spans) span.textContent = "";
        return;
      }
      const report = await connection.getStats();
      if (connection !== this.#session.connection) return;
      this.#statistics = call.summarizeStats(report, this.#measured === connection ? this.#statistics : null);
      this.#measured = connection;
      call.formatStatistics(this.#statistics).forEach((text, index) => (spans[index].textContent = text));
    }
  }

  call.Stage = Stage;
})((globalThis.call ??= {}));
