// Parts of the page made of data: text stays text.
(() => {
  /**
   * An element with attributes, text and parts.
   * @param {string} kind
   * @param {string} look its classes
   * @param {{text?: string, on?: Record<string, (event: Event) => void>, [name: string]: unknown}} more other names are
   *   attributes; those without a value are left out
   * @param {...(Node|string)} parts
   * @returns {HTMLElement}
   */
  const element = (kind, look = "", { text = "", on = {}, ...attributes } = {}, ...parts) => {
    const made = document.createElement(kind);
    if (look) made.className = look;
    if (kind === "button") made.type = "button";
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    for (const [name, act] of Object.entries(on)) made.addEventListener(name, act);
    if (text) made.textContent = text;
    made.append(...parts);
    return made;
  };

  const PATHS = {
    star: "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L3.6 9.7l5.8-.8z",
    download: "M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 19.5h14",
    bin: "M5 7h14M10 7V4.8h4V7m-7.5 0l.9 12.7h9.2L17.5 7M10.2 10.5v6M13.8 10.5v6",
    compare: "M12 3.5v17M4 6.5h5v11H4zM15 6.5h5v11h-5z",
    zip: "M6 3.5h12v17H6zM12 3.5v2m0 2v2m0 2v2m-1.6 2.4h3.2v3h-3.2z",
    info: "M12 10.8v6.4M12 7.2v.2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
    close: "M6 6l12 12M18 6L6 18",
    left: "M14.5 5l-7 7 7 7",
    right: "M9.5 5l7 7-7 7",
    fit: "M4.5 9.5v-5h5M19.5 9.5v-5h-5M4.5 14.5v5h5M19.5 14.5v5h-5",
    tiles: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
    restore: "M5 10.5h9.5a4.5 4.5 0 0 1 0 9H9M5 10.5l4-4m-4 4l4 4",
    album: "M4 7.5h16v12H4zM6.5 4.5h11",
    check: "M5 12.5l4.6 4.6L19 7.5",
    more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
    pencil: "M5 19l1-4.2L16 4.8l3.2 3.2L9.2 18z",
    plus: "M12 5v14M5 12h14",
    filter: "M4 6h16M7 12h10M10 18h4",
    panel: "M4 5h16v14H4zM9.5 5v14",
    refresh: "M19 8.5A7.6 7.6 0 0 0 5 10m14-6v4.7h-4.7M5 15.5A7.6 7.6 0 0 0 19 14M5 20v-4.7h4.7",
    swap: "M7 5v14m0 0l-3-3m3 3l3-3M17 19V5m0 0l-3 3m3-3l3 3",
    up: "M12 19V5m-6 6l6-6 6 6",
    down: "M12 5v14m-6-6l6 6 6-6",
    top: "M5 4.5h14M12 20V8m-6 6l6-6 6 6",
    pause: "M8.5 5v14M15.5 5v14",
    play: "M8 5l11 7-11 7z",
    grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
    copy: "M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4",
    repeat: "M4 11V9.5A3.5 3.5 0 0 1 7.5 6H19m-3-3l3 3-3 3M20 13v1.5a3.5 3.5 0 0 1-3.5 3.5H5m3 3l-3-3 3-3",
  };

  /**
   * A drawn sign; what it means is said by whatever it stands in.
   * @param {keyof typeof PATHS} name
   */
  const icon = (name) => {
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("viewBox", "0 0 24 24");
    drawing.setAttribute("class", "icon");
    drawing.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", PATHS[name]);
    drawing.append(path);
    return drawing;
  };

  /**
   * A button that is a sign, with its name for those who listen or wait with the pointer.
   * @param {keyof typeof PATHS} name
   * @param {string} label
   * @param {(event: Event) => void} act
   * @param {string} look
   */
  const iconButton = (name, label, act, look = "") =>
    element("button", `icon-button ${look}`, { title: label, "aria-label": label, on: { click: act } }, icon(name));

  /** Where dialogs are put: gradio applies what a style says of narrow screens to this part of the page alone. */
  const host = () => document.querySelector(".gradio-container .contain") || document.body;

  Object.assign(window.atelier, { element, icon, iconButton, host });
})();
