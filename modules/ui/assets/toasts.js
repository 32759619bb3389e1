// Short messages above the page, with at most one thing to do about them.
(() => {
  const SECONDS = 8;
  const MOST = 4;

  const made = (kind, look, text = "") => {
    const part = document.createElement(kind);
    part.className = look;
    part.textContent = text;
    return part;
  };

  // An open dialog hides all that is not in it.
  const place = () => [...document.querySelectorAll("dialog[open]")].at(-1) || document.body;

  const region = () => {
    const found = document.querySelector(".toasts") || made("div", "toasts");
    if (found.parentElement !== place()) place().append(found);
    return found;
  };

  /**
   * Shows a message; one that tells of a problem stays twice as long.
   * @param {string} text
   * @param {{problem?: boolean, label?: string, act?: () => void}} more `label` names the button that calls `act`.
   */
  const toast = (text, { problem = false, label = "", act } = {}) => {
    const box = made("div", problem ? "toast toast-problem" : "toast");
    box.setAttribute("role", problem ? "alert" : "status");
    const close = () => box.remove();
    let timer = 0;
    const wait = () => (timer = setTimeout(close, SECONDS * (problem ? 2000 : 1000)));
    const words = made("span", "toast-text", text);
    const away = made("button", "toast-close", "×");
    away.type = "button";
    away.setAttribute("aria-label", "Close this message");
    away.addEventListener("click", close);
    box.append(words);
    if (label) {
      const button = made("button", "toast-act", label);
      button.type = "button";
      button.addEventListener("click", () => {
        close();
        act();
      });
      box.append(button);
    }
    box.append(away);
    box.addEventListener("pointerenter", () => clearTimeout(timer));
    box.addEventListener("pointerleave", wait);
    const shown = region();
    shown.append(box);
    while (shown.childElementCount > MOST) shown.firstElementChild.remove();
    wait();
  };

  // Messages outlive the dialog in which they were shown.
  document.addEventListener("close", () => document.querySelector(".toasts") && region(), true);

  window.atelier.toast = toast;
})();
