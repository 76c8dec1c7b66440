"use strict";
// The list of STUN and TURN servers: what is typed there, or what the relay sent.
((call) => {
  /** A URL as RFC 7064 and RFC 7065 define it. */
  const ICE_URL = /^(stuns?|turns?):(\[[0-9a-f:.]+\]|[^\s:/?#[\]]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/i;

  const isIceUrl = (url) => ICE_URL.test(url);
  const isTurn = (url) => /^turns?:/i.test(url);
  const splitUrls = (text) => text.trim().split(/[\s,]+/).filter(Boolean);

  class IceServerEditor {
    /** Called after each edit of the user. */
    onedit = () => {};

    #list;
    #template;

    constructor(list, template, addButton) {
      this.#list = list;
      this.#template = template;
      addButton.addEventListener("click", () => {
        this.#addRow({ urls: [] }).querySelector("[name=urls]").focus();
      });
      list.addEventListener("input", () => this.onedit());
    }

    /** RTCIceServer list of the rows that hold a usable server. */
    get servers() {
      return [...this.#list.children].map(readRow).filter((server) => server !== null);
    }

    set servers(servers) {
      this.#list.replaceChildren();
      for (const server of servers) this.#addRow(server);
    }

    #addRow({ urls, username = "", credential = "" }) {
      const row = this.#template.content.firstElementChild.cloneNode(true);
      row.querySelector("[name=urls]").value = [urls].flat().join(" ");
      row.querySelector("[name=username]").value = username;
      row.querySelector("[name=credential]").value = credential;
      row.querySelector(".remove").addEventListener("click", () => {
        const next = row.nextElementSibling ?? row.previousElementSibling;
        row.remove();
        (next?.querySelector("[name=urls]") ?? document.getElementById("add-ice-server")).focus();
        this.onedit();
      });
      call.translate(row);
      this.#list.append(row);
      readRow(row);
      return row;
    }
  }

  /** One row as RTCIceServer, or null; marks the field that is wrong. */
  function readRow(row) {
    const field = (name) => row.querySelector(`[name=${name}]`);
    const urls = splitUrls(field("urls").value);
    const username = field("username").value.trim();
    const credential = field("credential").value;
    const needsLogin = urls.some(isTurn) && !(username && credential);
    mark(field("urls"), urls.every(isIceUrl) ? "" : call.t("ice-url-wrong"));
    mark(field("username"), needsLogin ? call.t("turn-needs-login") : "");
    const hint = row.querySelector(".hint");
    hint.textContent = field("urls").validationMessage || field("username").validationMessage;
    if (!urls.length || hint.textContent) return null;
    return username ? { urls, username, credential } : { urls };
  }

  function mark(input, message) {
    input.setCustomValidity(message);
    input.setAttribute("aria-invalid", String(Boolean(message)));
  }

  Object.assign(call, { isIceUrl, IceServerEditor });
})((globalThis.call ??= {}));
