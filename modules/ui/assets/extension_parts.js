// Parts that extensions are shown with, wherever they stand. What strangers wrote stays text.
(() => {
  const { element: make } = window.atelier;
  const UNITS = ["B", "KB", "MB", "GB"];
  const TOUCHED = {
    scripts: "the list of scripts",
    settings: "the settings",
    page: "this page",
    routes: "addresses of the server",
    sampling: "how pictures are made",
    network: "the model's network",
    files: "files of this computer",
    internet: "the internet",
    programs: "other programs",
  };

  /** "1.2 MB". @param {number} bytes */
  const inUnits = (bytes) => {
    const place = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
    return `${place ? (bytes / 1000 ** place).toFixed(1) : bytes} ${UNITS[place]}`;
  };

  const chips = (title, names, isOurs = false) =>
    make(
      "div",
      "extension-adds",
      {},
      make("span", "", { text: title }),
      make("ul", "", {}, ...names.map((text) => make("li", "chip", { text, translate: isOurs ? undefined : "no" }))),
    );

  const touched = (one) => chips("It touches", one.touches.map((word) => TOUCHED[word] ?? word), true);

  /** Words of a stranger. */
  const foreign = (text, look = "") => make("span", look, { text, translate: "no" });

  /** A link where the address is one of the web. */
  const address = (text) =>
    /^https?:\/\//.test(text)
      ? make("a", "", { text, href: text, rel: "noreferrer", target: "_blank", translate: "no" })
      : foreign(text);

  /** The beginning of a commit's id. */
  const commit = (id) => make("code", "", { text: id.slice(0, 12), title: id, translate: "no" });

  /** Names and what they stand for; rows without a value are left out. @param {[string, Node | false | ""][]} rows */
  const facts = (rows) =>
    make("dl", "facts", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [make("dt", "", { text: name }), make("dd", "", {}, value)]));

  /** A list that is closed at first. */
  const folded = (summary, items, look = "") =>
    make("details", `extension-folded ${look}`, {}, make("summary", "", { text: summary }), make("ul", "", {}, ...items));

  /** @param {string} key by which the focus finds it again when it was painted anew */
  const button = (text, key, act, look = "", more = {}) =>
    make("button", `chip-button ${look}`, { text, "data-key": key, on: { click: act }, ...more });

  /** Paint, and leave the focus on what it was on, or on the first of `others` that is still there. */
  const keepingFocus = (root, paint, others = () => []) => {
    const key = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    const focused = key === undefined ? [] : [key, ...others(key)];
    paint();
    const found = focused.map((one) => root.querySelector(`[data-key="${CSS.escape(one)}"]`)).find((one) => one && !one.disabled);
    if (found && found !== document.activeElement) found.focus({ preventScroll: true });
  };

  const HELD = "aria-disabled";

  /**
   * Do something during which buttons do nothing. They keep the focus, which disabled ones would lose.
   * @param {Element[]} buttons
   * @param {() => Promise<unknown>} act
   */
  const holding = async (buttons, act) => {
    if (buttons.some((one) => one.hasAttribute(HELD))) return null;
    for (const one of buttons) one.setAttribute(HELD, "true");
    try {
      return await act();
    } finally {
      for (const one of buttons) one.removeAttribute(HELD);
    }
  };

  /** Buttons of a place that is painted anew meanwhile: those whose work goes on stay held, by their keys. */
  class HeldKeys {
    /** @param {Element} root */
    constructor(root) {
      Object.assign(this, { root, keys: new Set() });
    }

    /** @param {string} key @param {() => Promise<unknown>} act */
    async during(key, act) {
      if (this.keys.has(key)) return null;
      this.keys.add(key);
      this.mark();
      try {
        return await act();
      } finally {
        this.keys.delete(key);
        this.mark();
      }
    }

    /** After each painting. */
    mark() {
      for (const one of this.root.querySelectorAll("button[data-key]")) {
        if (this.keys.has(one.dataset.key)) one.setAttribute(HELD, "true");
        else one.removeAttribute(HELD);
      }
    }
  }

  window.atelier.extensionParts = { inUnits, chips, touched, foreign, address, commit, facts, folded, button, keepingFocus, holding, HeldKeys };
})();
