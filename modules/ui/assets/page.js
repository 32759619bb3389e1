// What gradio has no answer for: light and dark as somebody chose them, and what text fields leave out.
(() => {
  const address = new URL(window.location.href);
  const chosen = localStorage.getItem("atelier-theme") || document.currentScript.dataset.theme;
  if (chosen && !address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", chosen);
    window.history.replaceState(null, "", address);
  }

  window.atelier = {
    async logOut() {
      await fetch("logout", { method: "POST", redirect: "manual" });
      window.location.assign("login");
    },

    /** Whether somebody points with fingers, or has little room: what is pressed has to be larger then. */
    isForFingers: () => window.matchMedia("(max-width: 760px), (pointer: coarse)").matches,

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
  };

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
