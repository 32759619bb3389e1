// What gradio has no answer for: light and dark as somebody chose them, and the keyboard.
(() => {
  const address = new URL(window.location.href);
  const chosen = localStorage.getItem("atelier-theme") || document.currentScript.dataset.theme;
  if (chosen && !address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", chosen);
    window.history.replaceState(null, "", address);
  }

  window.atelier = {
    toggleTheme() {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem("atelier-theme", dark ? "dark" : "light");
      const here = new URL(window.location.href);
      here.searchParams.set("__theme", dark ? "dark" : "light");
      window.history.replaceState(null, "", here);
    },

    // What is closed must not hide that it changes the picture. An emptied field is as it was at first.
    markChanged(atFirst, form) {
      for (const [place, usual] of Object.entries(atFirst)) {
        const isChanged = (name) => form[name] !== null && form[name] !== "" && form[name] !== usual[name];
        const count = Object.keys(usual).filter(isChanged).length;
        const title = document.querySelector(`#${place} > button > span`);
        if (count) title?.setAttribute("data-changed", `${count} changed`);
        else title?.removeAttribute("data-changed");
      }
      return form;
    },
  };

  const press = (id) => {
    const button = document.getElementById(id);
    if (!button || button.disabled || button.offsetParent === null) return false;
    button.click();
    return true;
  };

  // An open list or a picture on the full screen closes on Escape; that must not cost a job.
  const closesSomething = () =>
    document.fullscreenElement || document.activeElement?.getAttribute("aria-expanded") === "true";

  document.addEventListener(
    "keydown",
    (event) => {
      const wanted = event.key === "Enter" && (event.ctrlKey || event.metaKey || event.altKey);
      if (wanted && press("generate")) event.preventDefault();
      if (event.key === "Escape" && !closesSomething()) press("interrupt");
    },
    true,
  );
})();
