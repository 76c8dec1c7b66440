"use strict";
// What the user has to know: one notice of each kind, until it is settled or dismissed.
((call) => {
  class Notices {
    #place;
    #notices = new Map(); // kind -> {key, values, level}

    constructor(place) {
      this.#place = place;
    }

    /** `values` are shown as text, whatever is in them. `level` is "error" or "info". */
    show(kind, key, values = {}, level = "error") {
      const safe = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, call.printable(value)]));
      const notice = { key, values: safe, level };
      const shown = this.#notices.get(kind);
      if (shown && JSON.stringify(shown) === JSON.stringify(notice)) return; // a screen reader need not say it twice
      this.#notices.set(kind, notice);
      this.#draw(kind);
    }

    clear(...kinds) {
      for (const kind of kinds) {
        if (!this.#notices.delete(kind)) continue;
        this.#find(kind)?.remove();
      }
    }

    clearAll() {
      this.clear(...this.#notices.keys());
    }

    translate() {
      for (const kind of this.#notices.keys()) this.#draw(kind);
    }

    #find(kind) {
      return [...this.#place.children].find((element) => element.dataset.kind === kind);
    }

    #draw(kind) {
      const { key, values, level } = this.#notices.get(kind);
      const element = document.createElement("div");
      element.className = `notice ${level}`;
      element.dataset.kind = kind;
      element.dataset.key = key;
      element.setAttribute("role", level === "error" ? "alert" : "status");
      const text = document.createElement("p");
      text.textContent = call.t(key, values);
      const dismiss = document.createElement("button");
      dismiss.type = "button";
      dismiss.className = "dismiss";
      dismiss.textContent = "×";
      dismiss.setAttribute("aria-label", call.t("dismiss"));
      dismiss.addEventListener("click", () => this.clear(kind));
      element.append(text, dismiss);
      const old = this.#find(kind);
      if (old) old.replaceWith(element);
      else this.#place.append(element);
    }
  }

  call.Notices = Notices;
})((globalThis.call ??= {}));
