"use strict";
// Puts the texts into the page, in the language that was chosen.
((call) => {
  const LANGUAGES = ["en", "zh"];
  const HTML_LANG = { en: "en", zh: "zh-CN" };
  let language = "en";

  function t(key, values = {}) {
    const text = call.texts[key][LANGUAGES.indexOf(language)];
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  }

  /** Elements name their text: data-text for content, data-label for the accessible name, data-hint for placeholders. */
  function translate(root) {
    for (const element of root.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
    for (const element of root.querySelectorAll("[data-hint]")) element.placeholder = t(element.dataset.hint);
    for (const element of root.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", t(element.dataset.label));
      if (element.matches("button")) element.title = t(element.dataset.label);
    }
  }

  function setLanguage(wanted) {
    language = wanted;
    document.documentElement.lang = HTML_LANG[language];
    document.title = t("title");
    translate(document);
  }

  function preferredLanguage(browserLanguages) {
    const known = browserLanguages.map((tag) => tag.slice(0, 2).toLowerCase()).filter((tag) => LANGUAGES.includes(tag));
    return known[0] ?? "en";
  }

  Object.assign(call, { t, translate, setLanguage, preferredLanguage, language: () => language });
})((globalThis.call ??= {}));
