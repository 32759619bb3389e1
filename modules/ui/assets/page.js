// What gradio has no answer for: light and dark as somebody chose them, and the keyboard.
(() => {
  const address = new URL(window.location.href);
  const chosen = localStorage.getItem("atelier-theme") || document.currentScript.dataset.theme;
  if (chosen && !address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", chosen);
    window.history.replaceState(null, "", address);
  }

  const forms = {};
  window.atelier = {
    toggleTheme() {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem("atelier-theme", dark ? "dark" : "light");
      const here = new URL(window.location.href);
      here.searchParams.set("__theme", dark ? "dark" : "light");
      window.history.replaceState(null, "", here);
    },

    async logOut() {
      await fetch("logout", { method: "POST", redirect: "manual" });
      window.location.assign("login");
    },

    // The text of a file that somebody chooses; what is there now where nobody does.
    chooseText(now) {
      return new Promise((resolve) => {
        const chooser = document.createElement("input");
        chooser.type = "file";
        chooser.accept = "text/plain,.txt,.csv";
        chooser.addEventListener("change", async () => resolve(await chooser.files[0].slice(0, 2 ** 20).text()));
        chooser.addEventListener("cancel", () => resolve(now));
        chooser.click();
      });
    },

    describeForm(task, names, atFirst) {
      forms[task] = { names, atFirst };
    },

    // Values by name. What is closed must not hide that it changes the picture; an emptied field is as it was at first.
    readForm(task, values) {
      const { names, atFirst } = forms[task];
      const form = Object.fromEntries(names.map((name, place) => [name, values[place]]));
      for (const [place, usual] of Object.entries(atFirst)) {
        const isChanged = (name) => form[name] !== null && form[name] !== "" && String(form[name]) !== String(usual[name]);
        const count = Object.keys(usual).filter(isChanged).length;
        const title = document.querySelector(`#${place} > button > span`);
        if (count) title?.setAttribute("data-changed", `${count} changed`);
        else title?.removeAttribute("data-changed");
      }
      // Of a canvas only which pictures it shows: what is painted over them it keeps itself.
      const canvas = form.source_pictures;
      if (!canvas?.pictures) return form;
      const pictures = canvas.pictures.map((picture) => picture.id);
      return { ...form, source_pictures: { pictures, mask: canvas.mask_picture?.id || null } };
    },
  };

  // Of the tab that is looked at.
  const press = (name) => {
    const buttons = [...document.querySelectorAll(`button.${name}`)];
    const button = buttons.find((one) => !one.disabled && one.offsetParent !== null);
    button?.click();
    return Boolean(button);
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

  // A gradio text field tells of a pressed character, and of nothing else: what is pasted, deleted, dictated or
  // composed by an input method would neither be remembered nor searched for. It is told as a key of no character.
  let pressed = null;
  document.addEventListener("keypress", (event) => (pressed = event.isTrusted ? event.target : null), true);
  document.addEventListener("input", (event) => {
    const isTold = pressed === event.target;
    pressed = null;
    if (!isTold && event.target.matches("textarea, input[type=text]"))
      event.target.dispatchEvent(new KeyboardEvent("keypress", { key: "Unidentified" }));
  });
})();
