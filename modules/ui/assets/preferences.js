// How the page looks to whoever sits before it: theme, language, view. A browser keeps them; where people log in, the
// server keeps them, too, and other browsers of the same person follow.
(() => {
  const THEME = "atelier-theme";
  const LANGUAGE = "atelier-language";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let isKept = false;

  const theme = () => localStorage.getItem(THEME) || "auto";
  const isDark = (wanted) => (wanted === "auto" ? dark.matches : wanted === "dark");

  /** @param {"auto"|"light"|"dark"} wanted */
  const showTheme = (wanted) => {
    if (wanted === "auto") localStorage.removeItem(THEME);
    else localStorage.setItem(THEME, wanted);
    document.body.classList.toggle("dark", isDark(wanted));
    const here = new URL(window.location.href);
    if (wanted === "auto") here.searchParams.delete("__theme");
    else here.searchParams.set("__theme", wanted);
    window.history.replaceState(null, "", here);
  };

  const CHOICES = {
    theme: {
      label: "Theme",
      help: "Automatic follows the system.",
      choices: () => ({ auto: "Automatic", light: "Light", dark: "Dark" }),
      now: theme,
      show: showTheme,
    },
    language: {
      label: "Language",
      help: "Automatic is the language of the browser, where there is a translation.",
      choices: () => ({ auto: "Automatic", ...window.atelier.languages?.names }),
      now: () => localStorage.getItem(LANGUAGE) || "auto",
      show: (wanted) => {
        const { languages } = window.atelier;
        if (wanted !== "auto") return languages.choose(wanted);
        localStorage.removeItem(LANGUAGE);
        const showing = languages.choose(languages.current());
        localStorage.removeItem(LANGUAGE);
        return showing;
      },
    },
    view: {
      label: "View",
      help: "Simple shows what most pictures need; nothing is lost by changing it.",
      choices: () => ({ expert: "Expert", simple: "Simple" }),
      now: () => (localStorage.getItem("atelier-view") === "simple" ? "simple" : "expert"),
      show: (wanted) => window.atelier.setView?.(wanted),
    },
  };

  const keep = async (name, value) => {
    if (!isKept) return;
    const body = JSON.stringify({ [name]: value });
    await fetch("api/v1/preferences", { method: "PATCH", headers: { "Content-Type": "application/json" }, body });
  };

  /**
   * Shows something in another way from now on.
   * @param {"theme"|"language"|"view"} name
   * @param {string} value
   */
  const choose = (name, value) => {
    CHOICES[name].show(value);
    document.dispatchEvent(new CustomEvent("atelier-preference", { detail: { name, value } }));
    return keep(name, value);
  };

  /** What the server keeps for somebody who logs in goes before what this browser kept. */
  const follow = async () => {
    const answer = await fetch("api/v1/preferences");
    if (!answer.ok) return;
    isKept = true;
    for (const [name, value] of Object.entries(await answer.json()))
      if (value && value !== CHOICES[name].now()) CHOICES[name].show(value);
  };

  dark.addEventListener("change", () => theme() === "auto" && document.body.classList.toggle("dark", dark.matches));
  window.atelier.toggleTheme = () => choose("theme", document.body.classList.contains("dark") ? "light" : "dark");
  window.atelier.preferences = { choices: CHOICES, choose, follow };
})();
