// The Settings tab, made from the table that the server tells: what is changed waits until it is applied as a whole.
(() => {
  const { element: make, toast } = window.atelier;
  const ADDRESS = "api/v1/settings";
  const TABS = ["ui_tab_order", "hidden_tabs"];
  const SAID = { sd_model_checkpoint: { "": "The first one found" } };
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const idOf = (name) => `setting-${name.replaceAll("_", "-")}`;

  /** The titles of all tabs, which only the page knows. */
  const tabTitles = () => {
    const buttons = document.querySelectorAll("#tabs > .tab-wrapper .tab-container.visually-hidden button");
    return [...buttons].map((one) => window.atelier.languages.english(one));
  };

  /** A value as people read it. */
  const words = (row, value) => {
    if (row.type === "bool") return value ? "on" : "off";
    if (row.type === "list") return value.length ? value.join(", ") : "none";
    return value === "" ? (SAID[row.name]?.[""] ?? "empty").toLowerCase() : String(value);
  };

  /** What holds where nobody chose; names and numbers are the same in every language. */
  const usual = (row) => {
    const isWord = row.type === "bool" || !String(row.default).length;
    const value = make("span", "", { text: words(row, row.default), translate: isWord ? undefined : "no" });
    return make("span", "", {}, make("span", "", { text: "Default:" }), " ", value);
  };

  /** A switch, a number, a choice or a text; each tells `changed` of its value. */
  const CONTROLS = {
    bool(row, changed) {
      const input = make("input", "switch", { type: "checkbox", role: "switch", id: idOf(row.name) });
      input.addEventListener("change", () => changed(input.checked));
      return { root: input, show: (value) => (input.checked = value) };
    },
    number(row, changed) {
      const step = row.type === "int" ? 1 : "any";
      const how = { type: "number", id: idOf(row.name), min: row.minimum, max: row.maximum, step };
      const input = make("input", "field", { ...how, inputmode: "decimal" });
      input.addEventListener("input", () => changed(input.value === "" ? null : Number(input.value)));
      return { root: input, show: (value) => document.activeElement !== input && (input.value = String(value)) };
    },
    choice(row, changed) {
      const input = make("select", "field", { id: idOf(row.name) });
      const known = row.choices.includes(row.value) ? row.choices : [row.value, ...row.choices];
      for (const one of known) {
        const said = SAID[row.name]?.[one];
        input.append(make("option", "", { value: one, text: said ?? one, translate: said ? undefined : "no" }));
      }
      input.addEventListener("change", () => changed(input.value));
      return { root: input, show: (value) => (input.value = value) };
    },
    text(row, changed) {
      const how = { type: "text", id: idOf(row.name), spellcheck: "false", autocomplete: "off" };
      const input = make("input", "field", how);
      input.addEventListener("input", () => changed(input.value));
      return { root: input, show: (value) => document.activeElement !== input && (input.value = value) };
    },
    list(row, changed) {
      const chips = make("div", "chips", { translate: "no" });
      const offered = make("datalist", "", { id: `${idOf(row.name)}-offered` });
      const how = { type: "text", id: idOf(row.name), list: offered.id, autocomplete: "off", placeholder: "Add one" };
      const input = make("input", "field", how);
      let now = [];
      const put = (value) => changed([...now.filter((one) => one !== value), ...(value ? [value] : [])]);
      const take = () => {
        if (input.value.trim()) put(input.value.trim());
        input.value = "";
      };
      input.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        take();
      });
      input.addEventListener("change", take);
      input.addEventListener("focus", () => {
        const names = TABS.includes(row.name) ? tabTitles() : row.choices;
        const free = names.filter((one) => !now.includes(one));
        offered.replaceChildren(...free.map((one) => make("option", "", { value: one })));
      });
      const chipOf = (value) =>
        make("button", "chip", {
          text: `${value} ×`,
          "aria-label": `Remove ${value}`,
          on: { click: () => changed(now.filter((one) => one !== value)) },
        });
      const show = (value) => {
        now = value;
        chips.replaceChildren(...value.map(chipOf));
      };
      return { root: make("div", "setting-list", {}, chips, input, offered), show };
    },
  };

  const controlOf = (row, changed) => {
    if (row.type === "list" || row.type === "bool") return CONTROLS[row.type](row, changed);
    if (row.type === "int" || row.type === "float") return CONTROLS.number(row, changed);
    return (row.choices.length ? CONTROLS.choice : CONTROLS.text)(row, changed);
  };

  /** One row of the table, with what somebody has chosen and not applied yet. */
  class Row {
    constructor(told, tab) {
      this.told = told;
      this.tab = tab;
      this.edited = told.value;
      this.control = controlOf(told, (value) => this.choose(value));
      this.problem = make("p", "setting-problem", { role: "alert" });
      this.state = make("span", "setting-state");
      this.reset = make("button", "setting-reset", {
        text: "Reset",
        "aria-label": `Reset ${told.label}`,
        on: { click: () => this.choose(told.default, true) },
      });
      this.root = this.laidOut();
      this.paint();
    }

    laidOut() {
      const { name, label, help, restart } = this.told;
      const id = idOf(name);
      const control = this.control.root;
      const input = control.matches("input, select") ? control : control.querySelector("input");
      input.setAttribute("aria-describedby", `${id}-help`);
      const title = make("label", "setting-label", { for: id, text: label });
      const facts = make("p", "setting-facts", {}, make("code", "", { text: name }), usual(this.told));
      if (restart) facts.append(make("span", "setting-restart", { text: "Acts after a restart" }));
      const about = make("p", "setting-help", { id: `${id}-help`, text: help });
      const left = make("div", "setting-words", {}, title, about, facts, this.problem);
      const marks = make("div", "setting-marks", {}, this.state, this.reset);
      const right = make("div", "setting-control", {}, this.control.root, marks);
      return make("div", "setting", { "data-name": name }, left, right);
    }

    get isEdited() {
      return !same(this.edited, this.told.value);
    }

    get isChanged() {
      return !same(this.edited, this.told.default);
    }

    choose(value, shows = this.told.type === "list") {
      this.edited = value;
      this.problem.textContent = "";
      if (shows) this.show();
      this.paint();
      this.tab.tell();
    }

    show() {
      if (this.control.root.contains(document.activeElement) && this.told.type !== "list") document.activeElement.blur();
      this.control.show(this.edited);
    }

    /** @param {object} told the row as it is on the server now */
    renew(told) {
      this.told = told;
      this.edited = told.value;
      this.problem.textContent = "";
      this.control.show(told.value);
      this.paint();
    }

    paint() {
      this.root.dataset.edited = this.isEdited ? "yes" : "no";
      this.root.dataset.changed = this.isChanged ? "yes" : "no";
      this.state.textContent = this.isEdited ? "Not applied" : this.isChanged ? "Changed" : "";
      this.reset.hidden = !this.isChanged;
    }

    /** @param {string[]} sought words that all have to be in it */
    has(sought) {
      const { name, label, help, section } = this.told;
      const text = `${name} ${name.replaceAll("_", " ")} ${label} ${help} ${section}`.toLowerCase();
      return sought.every((word) => text.includes(word));
    }
  }

  /** The whole tab. */
  class SettingsTab {
    constructor(root) {
      this.root = root;
      this.rows = [];
      this.load();
    }

    async load() {
      const machine = await window.atelier.machine();
      this.isOwner = machine?.is_owner ?? false;
      const table = this.isOwner ? await this.ask() : { settings: [] };
      if (!table) return;
      this.rows = table.settings.map((told) => new Row(told, this));
      for (const row of this.rows) row.control.show(row.told.value);
      this.lay();
    }

    async ask(changes) {
      const json = { "Content-Type": "application/json" };
      const how = changes && { method: "PATCH", headers: json, body: JSON.stringify(changes) };
      try {
        const answer = await fetch(ADDRESS, how);
        const told = await answer.json();
        if (answer.ok) return told;
        this.refused(told);
      } catch {
        toast("The server does not answer. Nothing was changed.", { problem: true });
      }
      return null;
    }

    /** A refusal stands at the rows that it is about. */
    refused(told) {
      const problems = Object.entries(told.problems || {});
      for (const [name, sentence] of problems) {
        const row = this.rows.find((one) => one.told.name === name);
        if (row) row.problem.textContent = sentence;
      }
      toast(problems.length ? "Nothing was changed: some values cannot be used." : told.detail, { problem: true });
      const first = this.root.querySelector(".setting-problem:not(:empty)");
      if (!first) return;
      this.search.value = "";
      this.filter();
      first.scrollIntoView({ block: "center" });
    }

    lay() {
      this.sections = this.made();
      const parts = [this.preferences(), ...this.sections.map(({ root }) => root)];
      this.none = make("p", "settings-none", { text: "No setting has these words.", hidden: true });
      const list = make("div", "settings-list", {}, ...parts, this.none);
      if (this.isOwner)
        this.root.replaceChildren(
          this.searchBar(),
          make("div", "settings-body", {}, this.navigation(), list),
          this.applyBar(),
        );
      else this.root.replaceChildren(list);
      this.tell();
    }

    made() {
      const names = [...new Set(this.rows.map((row) => row.told.section))];
      return names.map((name, place) => {
        const rows = this.rows.filter((row) => row.told.section === name);
        const id = `settings-section-${place}`;
        const title = make("h2", "", { text: name, id: `${id}-title`, tabindex: "-1" });
        const parts = [title, ...rows.map((row) => row.root)];
        const root = make("section", "settings-section", { id, "aria-labelledby": title.id }, ...parts);
        return { name, rows, root, title };
      });
    }

    searchBar() {
      const said = "Search settings";
      const how = { type: "search", id: "settings-search", placeholder: said, "aria-label": said };
      this.search = make("input", "field", { ...how, on: { input: () => this.filter() } });
      this.onlyChanged = make("input", "", { type: "checkbox", on: { change: () => this.filter() } });
      const only = make("label", "settings-only", {}, this.onlyChanged, make("span", "", { text: "Changed only" }));
      this.count = make("span", "settings-count", { role: "status" });
      return make("div", "settings-bar", {}, this.search, only, this.count);
    }

    navigation() {
      const entries = this.sections.map((section) => {
        section.link = make("button", "settings-link", { text: section.name, on: { click: () => this.go(section) } });
        return section.link;
      });
      return make("nav", "settings-nav", { "aria-label": "Sections" }, ...entries);
    }

    go(section) {
      section.root.scrollIntoView({ block: "start", behavior: "smooth" });
      section.title.focus({ preventScroll: true });
    }

    applyBar() {
      this.told = make("span", "", { role: "status" });
      this.discard = make("button", "chip-button", { text: "Discard", on: { click: () => this.restore() } });
      this.apply = make("button", "chip-button settings-apply", {
        id: "settings-apply",
        text: "Apply",
        on: { click: () => this.send() },
      });
      this.bar = make("div", "settings-apply-bar", {}, this.told, this.discard, this.apply);
      return this.bar;
    }

    /** What everybody may choose for themselves acts at once. */
    preferences() {
      const { choices, choose } = window.atelier.preferences;
      const rows = Object.entries(choices).map(([name, one]) => {
        const id = `preference-${name}`;
        const select = make("select", "field", { id });
        for (const [value, text] of Object.entries(one.choices())) select.append(make("option", "", { value, text, translate: name === "language" && value !== "auto" ? "no" : null }));
        select.value = one.now();
        select.addEventListener("change", () => choose(name, select.value));
        document.addEventListener("atelier-preference", () => (select.value = one.now()));
        const label = make("label", "setting-label", { for: id, text: one.label });
        const left = make("div", "setting-words", {}, label, make("p", "setting-help", { text: one.help }));
        return make("div", "setting", {}, left, make("div", "setting-control", {}, select));
      });
      const title = make("h2", "", { text: "Yours", id: "settings-yours" });
      const said = make("p", "setting-help", { text: "These act at once, for you alone." });
      this.yours = make("section", "settings-section", { "aria-labelledby": title.id }, title, said, ...rows);
      return this.yours;
    }

    filter() {
      const sought = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const only = this.onlyChanged.checked;
      let shown = 0;
      for (const { rows, root, link } of this.sections) {
        for (const row of rows) row.root.hidden = !row.has(sought) || (only && !row.isChanged && !row.isEdited);
        const found = rows.filter((row) => !row.root.hidden).length;
        root.hidden = link.hidden = !found;
        shown += found;
      }
      const isFiltered = Boolean(sought.length || only);
      this.yours.hidden = isFiltered;
      this.none.hidden = Boolean(shown);
      this.count.textContent = isFiltered ? `${shown} of ${this.rows.length} settings` : "";
    }

    get edited() {
      return this.rows.filter((row) => row.isEdited);
    }

    tell() {
      if (!this.bar) return;
      const count = this.edited.length;
      this.bar.hidden = !count;
      this.told.textContent = count ? `${count} not applied yet` : "";
      for (const { rows, link } of this.sections) link.dataset.edited = rows.some((row) => row.isEdited) ? "yes" : "no";
    }

    restore() {
      for (const row of this.edited) row.renew(row.told);
      this.tell();
    }

    async send() {
      const rows = this.edited;
      const empty = rows.filter((row) => row.edited === null);
      for (const row of empty) row.problem.textContent = "Write a number.";
      if (empty.length) return;
      this.apply.disabled = true;
      const table = await this.ask(Object.fromEntries(rows.map((row) => [row.told.name, row.edited])));
      this.apply.disabled = false;
      if (!table) return;
      const waits = rows.some((row) => row.told.restart);
      this.renew(table);
      toast(waits ? "Applied. Some of it acts when the program is started again." : "Settings applied.");
      document.dispatchEvent(new CustomEvent("atelier-settings", { detail: table.settings }));
    }

    renew(table) {
      const told = Object.fromEntries(table.settings.map((row) => [row.name, row]));
      for (const row of this.rows) row.renew(told[row.told.name]);
      this.tell();
    }
  }

  let tab = null;
  window.addEventListener("beforeunload", (event) => tab?.edited.length && event.preventDefault());
  window.atelier.settings = {
    /** @param {HTMLElement} root */
    mount(root) {
      tab = new SettingsTab(root);
      document.addEventListener("atelier-settings", ({ detail }) => {
        if (tab.rows.length && !tab.edited.length) tab.renew({ settings: detail });
      });
    },
  };
})();
