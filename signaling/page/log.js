"use strict";
// The log of ICE candidates, sent and received.
((call) => {
  const MAX_ENTRIES = 500; // the other side decides how many candidates come

  class CandidateLog {
    #entries = []; // {time, direction, text}
    #list;
    #count;

    /** `list` is an <ol>; `count` shows how many there are. */
    constructor(list, count) {
      this.#list = list;
      this.#count = count;
    }

    add(direction, { candidate }) {
      const time = new Date().toISOString().slice(11, 23);
      this.#entries.push({ time, direction, text: call.printable(candidate, 400) });
      this.#list.append(this.#row(this.#entries.at(-1)));
      if (this.#entries.length > MAX_ENTRIES) {
        this.#entries.shift();
        this.#list.firstElementChild.remove();
      }
      this.#count.textContent = String(this.#entries.length);
      this.#list.scrollTop = this.#list.scrollHeight;
    }

    clear() {
      this.#entries = [];
      this.#list.replaceChildren();
      this.#count.textContent = "0";
    }

    /** The whole log as text, times in UTC. */
    toString() {
      return this.#entries
        .map(({ time, direction, text }) => `${time} ${direction.padEnd(8)} ${text || "end-of-candidates"}\n`)
        .join("");
    }

    /** Writes the rows again, in the present language. */
    translate() {
      this.#list.replaceChildren(...this.#entries.map((entry) => this.#row(entry)));
    }

    #row({ time, direction, text }) {
      const row = document.createElement("li");
      const cell = (className, content) => {
        const span = document.createElement("span");
        span.className = className;
        span.textContent = content;
        row.append(span, " ");
      };
      cell("time", time);
      cell(direction, call.t(direction));
      cell("candidate", text || call.t("end-of-candidates"));
      return row;
    }
  }

  /** True when the text is on the clipboard. Insecure pages have only the old way. */
  async function copyText(text) {
    if (navigator.clipboard) {
      try {
        await navigator.clipboard.writeText(text);
        return true;
      } catch (error) {
        if (error.name !== "NotAllowedError") throw error;
        return false;
      }
    }
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }

  Object.assign(call, { CandidateLog, copyText });
})((globalThis.call ??= {}));
