// Small panels and menus that float above the page: one at a time, below or above what opened it.
(() => {
  const GAP = 6;
  let shown = null;

  /** @param {HTMLElement} panel @param {DOMRect} box what it belongs to */
  const place = (panel, box) => {
    const { offsetWidth: width, offsetHeight: height } = panel;
    const below = box.bottom + GAP;
    const top = below + height <= window.innerHeight ? below : Math.max(GAP, box.top - GAP - height);
    const left = Math.min(Math.max(GAP, box.right - width), window.innerWidth - width - GAP);
    Object.assign(panel.style, { top: `${top}px`, left: `${Math.max(GAP, left)}px` });
  };

  const settle = () => place(shown.panel, shown.box || shown.opener.getBoundingClientRect());

  const close = ({ focuses = false } = {}) => {
    if (!shown) return;
    const { panel, opener } = shown;
    shown = null;
    panel.remove();
    opener.removeAttribute("aria-expanded");
    if (focuses) opener.focus();
  };

  const isOutside = (target) => shown && !shown.panel.contains(target) && !shown.opener.contains(target);

  document.addEventListener("pointerdown", (event) => isOutside(event.target) && close(), true);
  document.addEventListener("focusin", (event) => isOutside(event.target) && close());
  document.addEventListener("scroll", (event) => shown && !shown.panel.contains(event.target) && settle(), true);
  window.addEventListener("resize", () => close());
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !shown) return;
      event.stopImmediatePropagation(); // it must not cost a job
      event.preventDefault();
      close({ focuses: true });
    },
    true,
  );

  /** The arrow keys go from entry to entry, as menus have it. */
  const walk = (event) => {
    const entries = [...event.currentTarget.querySelectorAll("[role^=menuitem]:not(:disabled)")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const ends = { Home: 0, End: entries.length - 1 }[event.key];
    if ((step === undefined && ends === undefined) || event.target.matches("input, select")) return;
    event.preventDefault();
    const next = ends ?? (entries.indexOf(document.activeElement) + step + entries.length) % entries.length;
    entries[next]?.focus();
  };

  /**
   * Show a panel at its opener; the same again closes it.
   * @param {HTMLElement} panel
   * @param {HTMLElement} opener gets the focus back
   * @param {DOMRect} [box] where, if not at the opener
   */
  const float = (panel, opener, box = null) => {
    const again = shown?.panel === panel && shown.opener === opener;
    close();
    if (again) return;
    (document.querySelector(".gradio-container") || document.body).append(panel);
    if (panel.getAttribute("role") === "menu" && !panel.dataset.walked) {
      panel.dataset.walked = "yes";
      panel.addEventListener("keydown", walk);
    }
    shown = { panel, opener, box };
    opener.setAttribute("aria-expanded", "true");
    settle();
  };

  Object.assign(window.atelier, { float, closeFloating: close });
})();
