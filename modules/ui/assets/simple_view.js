// The simple and the expert view of the same controls: which of them is remembered, and CSS does the rest.
(() => {
  const KEY = "atelier-view";
  const VIEWS = { simple: "Simple", expert: "Expert" };
  const root = document.documentElement;
  const { element: make } = window.atelier;

  const chosen = () => (localStorage.getItem(KEY) === "simple" ? "simple" : "expert");

  const paint = () => {
    root.dataset.view = chosen();
    for (const button of document.querySelectorAll("#view-switch button"))
      button.setAttribute("aria-pressed", String(button.dataset.view === chosen()));
  };

  /** @param {"simple"|"expert"} view */
  const setView = (view) => {
    localStorage.setItem(KEY, view);
    paint();
  };

  const switchOf = () =>
    make(
      "div",
      "view-switch",
      { id: "view-switch", role: "group", "aria-label": "View" },
      ...Object.entries(VIEWS).map(([view, text]) =>
        make("button", "", { text, "data-view": view, on: { click: () => setView(view) } }),
      ),
    );

  /** The header is painted by a part of its own, at any time. */
  const mount = () => {
    const slot = document.querySelector("#header .head-slot");
    if (!slot) return false;
    if (!slot.querySelector("#view-switch")) slot.append(switchOf());
    paint();
    return true;
  };

  window.atelier.setView = setView;
  paint();
  window.addEventListener("storage", (event) => event.key === KEY && paint());
  const waiting = new MutationObserver(() => mount() && waiting.disconnect());
  waiting.observe(root, { childList: true, subtree: true });
})();
