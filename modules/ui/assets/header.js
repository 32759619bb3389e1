// The tools of the header: what the model is and whether it is there, quick settings, help, light and dark.
(() => {
  const { element: make, toast } = window.atelier;
  const POLL = 400;
  const MOST_POLLS = 1500;
  const QUIET_POLLS = 6;

  const megabytes = (size) => (size < 1e9 ? `${Math.round(size / 1e6)} MB` : `${(size / 1e9).toFixed(1)} GB`);

  /** What the chosen checkpoint is, and how far it is on its way into memory. */
  class ModelState {
    constructor(place, badges) {
      this.place = place;
      this.badges = badges;
      this.name = "";
      this.told = null;
      this.polling = 0;
    }

    /** @param {string} name */
    async show(name) {
      if (!name) return;
      this.name = name;
      const answer = await fetch(`api/v1/models/checkpoint/${name.split("/").map(encodeURIComponent).join("/")}`);
      const told = answer.ok ? await answer.json() : null;
      if (name !== this.name) return; // another was chosen meanwhile
      this.told = told;
      this.paint(null);
      const now = await window.atelier.machine();
      this.paint(now);
      if (now?.loading) this.watch();
    }

    paint(machine) {
      const loading = machine?.loading || "";
      const badge = this.badges[this.told?.family] || "";
      this.place.dataset.loading = loading ? "yes" : "no";
      this.place.translate = Boolean(loading); // families are called alike everywhere
      const share = machine?.share ?? null;
      this.place.style.setProperty("--share", `${Math.round((share || 0) * 100)}%`);
      this.place.textContent = loading ? (share === null ? "Loading" : `Loading ${Math.round(share * 100)} %`) : badge;
      this.place.title = loading ? `Loading the model ${loading}` : this.words(machine);
      this.place.hidden = !this.place.textContent;
    }

    words(machine) {
      if (!this.told) return "";
      const { what, family, size, short_hash: hash } = this.told;
      const there = machine?.held.includes(this.name) ? "in memory" : "not in memory";
      return [what || family, megabytes(size), hash, there].filter(Boolean).join(" · ");
    }

    /** Look often until nothing has been loading for a while. */
    async watch() {
      const mine = ++this.polling;
      for (let polls = 0, quiet = 0; mine === this.polling && polls < MOST_POLLS && quiet < QUIET_POLLS; polls++) {
        await new Promise((done) => setTimeout(done, POLL));
        if (document.hidden) continue;
        const now = await window.atelier.machine({ fresh: true });
        this.paint(now);
        quiet = now?.loading ? 0 : quiet + 1;
      }
    }
  }

  /** Controls of quick settings; a setting is the server's, a field is that of the forms. */
  class QuickSettings {
    constructor(place, change) {
      this.place = place;
      this.change = change;
      this.shows = new Map();
    }

    async lay(entries) {
      const names = entries.filter((one) => one.setting).map((one) => one.setting);
      const isOwner = names.length > 0 && (await window.atelier.machine())?.is_owner;
      const table = isOwner ? (await (await fetch("api/v1/settings")).json()).settings : [];
      const rows = Object.fromEntries(table.map((row) => [row.name, row]));
      const control = (one) => (one.setting ? rows[one.setting] && this.setting(rows[one.setting]) : this.field(one));
      const made = entries.map(control);
      this.place.replaceChildren(...made.filter(Boolean));
    }

    setting(row) {
      const kinds = { bool: "switch", int: "number", float: "number", str: row.choices.length ? "choice" : "text" };
      const choices = row.choices.map((one) => [one || "Automatic", one]);
      const { name, label, minimum, maximum } = row;
      const how = { name, label, kind: kinds[row.type], choices, minimum, maximum, step: row.type === "int" ? 1 : "any" };
      const control = this.control(how, (value) => this.put(row.name, value));
      this.shows.get(row.name)(row.value);
      return control;
    }

    field(one) {
      return this.control(one, (value) => this.change(one.name, value));
    }

    control({ name, label, kind, choices, minimum, maximum, step }, changed) {
      const input = kind === "choice" ? make("select", "field") : make("input", kind === "switch" ? "switch" : "field");
      const text = () => input.value;
      const read = { switch: () => input.checked, number: () => Number(input.value), choice: text, text };
      input.dataset.name = name;
      if (kind === "switch") Object.assign(input, { type: "checkbox" });
      const limits = { type: "number", min: minimum ?? "", max: maximum ?? "", step: step ?? "any" };
      if (kind === "number") Object.assign(input, limits);
      for (const [text, value] of choices || []) input.append(make("option", "", { text, value, translate: "no" }));
      input.addEventListener("change", () => (kind !== "number" || input.value !== "") && changed(read[kind]()));
      this.shows.set(name, (value) => {
        if (kind === "switch") input.checked = Boolean(value);
        else if (value !== null && value !== undefined && input.value !== String(value)) input.value = String(value);
      });
      return make("label", "quick-setting", {}, make("span", "", { text: label }), input);
    }

    show(values) {
      for (const [name, value] of Object.entries(values)) this.shows.get(name)?.(value);
    }

    async put(name, value) {
      const body = JSON.stringify({ [name]: value });
      const how = { method: "PATCH", headers: { "Content-Type": "application/json" }, body };
      const answer = await fetch("api/v1/settings", how);
      const told = await answer.json();
      if (!answer.ok) toast(told.detail, { problem: true });
      else document.dispatchEvent(new CustomEvent("atelier-settings", { detail: told.settings }));
    }
  }

  /** A tab has a button in the row of tabs or, where it has no room there, in the list behind it. */
  const openTab = (title) => {
    const names = [title, window.atelier.languages?.translated(title)];
    const places = [".tab-container:not(.visually-hidden)", ".overflow-dropdown"];
    const buttons = document.querySelectorAll(places.map((one) => `#tabs > .tab-wrapper ${one} button`).join());
    [...buttons].find((one) => names.includes(one.textContent.trim()))?.click();
  };

  /** The languages, each by its own name. */
  const languageGroup = () => {
    const entries = Object.entries(window.atelier.languages.names).map(([code, text]) =>
      make("button", "head-menu-entry", {
        text,
        lang: code,
        translate: "no",
        role: "menuitemradio",
        on: {
          click: () => {
            window.atelier.closeFloating({ focuses: true });
            window.atelier.preferences.choose("language", code);
          },
        },
      }),
    );
    return make("div", "head-languages", { role: "group", "aria-label": "Language" }, ...entries);
  };

  const markLanguage = (menu) => {
    const now = window.atelier.languages.current();
    for (const one of menu.querySelectorAll("[lang]")) one.setAttribute("aria-checked", String(one.lang === now));
  };

  /** The guide's page about the tab that is open, in a window of its own. */
  const guideEntry = () =>
    make("a", "head-menu-entry", { text: "Guide to this tab", role: "menuitem", target: "_blank", rel: "noopener", on: { click: () => window.atelier.closeFloating() } });

  /** @param {HTMLElement} menu */
  const leadToGuide = (menu) => {
    const shown = [...document.querySelectorAll("#tabs > .tabitem")].find((one) => one.offsetParent !== null);
    const theme = document.body.classList.contains("dark") ? "dark" : "light";
    const asked = new URLSearchParams({ tab: (shown?.id ?? "").replace(/-tab$/, ""), theme });
    menu.querySelector("a").href = `guide?${asked}`;
  };

  const helpMenu = () => {
    const { tour, shortcuts } = window.atelier;
    const entries = { "Take the tour": tour.start, "Keyboard shortcuts": shortcuts && (() => shortcuts.show()), Settings: () => openTab("Settings") };
    const made = Object.entries(entries).filter(([, act]) => act).map(([text, act]) =>
      make("button", "head-menu-entry", {
        text,
        role: "menuitem",
        on: {
          click: () => {
            window.atelier.closeFloating();
            act();
          },
        },
      }),
    );
    return make("div", "floating head-menu", { role: "menu", "aria-label": "Help" }, guideEntry(), ...made, languageGroup());
  };

  const refresh = async (button) => {
    button.disabled = true;
    const answer = await fetch("api/v1/models/refresh", { method: "POST" }).catch(() => null);
    button.disabled = false;
    const told = answer?.ok ? await answer.json() : null;
    if (!told) toast("The server does not answer.", { problem: true });
    else toast(told.complete ? "The folders of models were looked at." : "The look at the folders of models goes on.");
  };

  const mount = (root, props, watch, trigger) => {
    const find = (selector) => root.querySelector(selector);
    const state = new ModelState(find(".model-state"), props.value.badges);
    const quick = new QuickSettings(find(".quick-settings"), (name, value) => {
      props.value = { ...props.value, values: { ...props.value.values, [name]: value } };
      trigger("input");
    });
    let menu = null;
    find("#theme-toggle").addEventListener("click", () => window.atelier.toggleTheme());
    find("#log-out").addEventListener("click", () => window.atelier.logOut());
    find("#log-out").hidden = !props.value.hasLogins;
    find("#model-refresh").addEventListener("click", (event) => refresh(event.currentTarget));
    find("#help-button").addEventListener("click", (event) => {
      menu ||= helpMenu();
      markLanguage(menu);
      leadToGuide(menu);
      window.atelier.float(menu, event.currentTarget);
      menu.querySelector("[role=menuitem]").focus();
    });
    watch("value", () => quick.show(props.value.values));
    quick.lay(props.value.quick).then(() => quick.show(props.value.values));
    const showSettings = (rows) => quick.show(Object.fromEntries(rows.map((row) => [row.name, row.value])));
    document.addEventListener("atelier-settings", ({ detail }) => showSettings(detail));
    document.addEventListener("click", (event) => event.target.closest?.("button.generate") && state.watch(), true);
    window.atelier.header = {
      /** @param {string} name the checkpoint that is chosen */
      showModel: (name) => state.show(name),
      /** It is about to be loaded. */
      watchModel: () => state.watch(),
      openTab,
    };
    if (props.value.hasLogins) window.atelier.preferences.follow();
    window.atelier.layFooter();
    window.atelier.tour.offer();
  };

  window.atelier.mountHeader = mount;
})();
