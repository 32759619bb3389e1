// Where a new extension may come from: a repository, a zip file, a folder, or the index that the settings name.
(() => {
  const { element: make, extensionParts: parts } = window.atelier;
  const { button, foreign } = parts;
  const PAGE = 30;
  const MOST_ZIP_BYTES = 100 * 2 ** 20;
  const SOON = 250;
  const SORTS = { name: "Name", added: "Newest", stars: "Most stars" };
  const MOST_FRAMES = 1200;
  const OF_REFERENCE = /^Branch\b|branch or tag/;

  /** Goes to a field of a tab that is being opened: gradio lays it out when it is first looked at. */
  const nextTo = async (id) => {
    for (let frame = 0; frame < MOST_FRAMES; frame += 1) {
      const found = document.getElementById(id);
      if (found?.checkVisibility()) return found.focus();
      await new Promise((done) => requestAnimationFrame(done));
    }
    return undefined;
  };

  /** A labelled field, with the place of what is wrong with it. */
  const field = (id, label, help, how) => {
    const input = make("input", "field", { id, spellcheck: "false", autocomplete: "off", "aria-describedby": `${id}-help ${id}-problem`, ...how });
    const problem = make("p", "setting-problem", { id: `${id}-problem`, role: "alert" });
    const words = make("p", "setting-help", { id: `${id}-help`, text: help });
    const root = make("div", "source-field", {}, make("label", "setting-label", { for: id, text: label }), words, input, problem);
    const refuse = (sentence) => {
      problem.textContent = sentence;
      if (sentence) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      if (sentence) input.focus();
    };
    return { root, input, refuse };
  };

  /**
   * A form that begins a look.
   * @param {object[]} fields
   * @param {() => object | null} wanted what is asked for; null where something is missing
   * @param {(sentence: string) => object} fieldOf the field that a refusal is about
   */
  const form = (desk, title, fields, wanted, fieldOf) => {
    const send = make("button", "chip-button is-first", { text: "Look at it" });
    send.type = "submit";
    const heading = make("h3", "", { text: title });
    const root = make("form", "source", { novalidate: true }, heading, ...fields.map((one) => one.root), make("div", "look-buttons", {}, send));
    const refused = (sentence) => fieldOf(sentence).refuse(sentence);
    root.addEventListener("submit", async (event) => {
      event.preventDefault();
      for (const one of fields) one.refuse("");
      const body = wanted();
      if (!body) return;
      try {
        await parts.holding([send], () => desk.begin(body, { element: root, refuse: refused }));
      } catch (error) {
        if (!(error instanceof window.atelier.ExtensionRefused)) throw error;
        refused(error.message);
      }
    });
    return root;
  };

  const ofRepository = (desk) => {
    const address = field("extension-address", "Address", "It begins with https://, and holds no password.", { type: "url", inputmode: "url", placeholder: "https://example.org/ann/seed-travel" });
    const reference = field("extension-reference", "Branch, tag or commit", "Empty: what the repository has by itself.", { type: "text", placeholder: "main" });
    const wanted = () => {
      const repository = address.input.value.trim();
      if (!repository) address.refuse("Write the address of a repository.");
      return repository ? { repository, reference: reference.input.value.trim() } : null;
    };
    return form(desk, "From a git repository", [address, reference], wanted, (sentence) => (OF_REFERENCE.test(sentence) ? reference : address));
  };

  const ofZip = (desk) => {
    const file = field("extension-zip", "Zip file", "At most 100 MB. A folder around everything in it falls away.", { type: "file", accept: ".zip,application/zip" });
    const wanted = () => {
      const [chosen] = file.input.files;
      if (!chosen) file.refuse("Choose a file.");
      else if (chosen.size > MOST_ZIP_BYTES) file.refuse("The file is larger than 100 MB.");
      else return chosen;
      return null;
    };
    return form(desk, "From a zip file", [file], wanted, () => file);
  };

  const ofFolder = (desk) => {
    const folder = field("extension-folder", "Folder", "Its whole path on the computer of the server. It is copied.", { type: "text" });
    const wanted = () => {
      if (!folder.input.value.trim()) folder.refuse("Write the path of a folder.");
      return folder.input.value.trim() ? { folder: folder.input.value.trim() } : null;
    };
    return form(desk, "From a folder", [folder], wanted, () => folder);
  };

  /** The list that somebody keeps on the web. */
  class Index {
    constructor(desk) {
      Object.assign(this, { desk, rows: [], total: 0, asked: 0, timer: 0, tags: new Set(), hidden: new Set() });
      this.search = make("input", "field", { type: "search", id: "extension-search", placeholder: "Search the index", "aria-label": "Search the index", on: { input: () => this.soon() } });
      this.sort = make("select", "field", { id: "extension-sort", "aria-label": "Sorted by", on: { change: () => this.load() } }, ...Object.entries(SORTS).map(([value, text]) => make("option", "", { value, text })));
      this.again = button("Fetch again", "again", () => this.load({ again: true }));
      this.chips = make("div", "index-tags", { role: "group", "aria-label": "Tags" });
      this.told = make("p", "setting-help", { role: "status" });
      this.problem = make("p", "setting-problem", { role: "alert" });
      this.list = make("ul", "index-rows");
      this.more = button("Show more", "more", () => this.load({ adds: true }));
      this.bar = make("div", "index-bar", {}, this.search, this.sort, this.again);
      const title = make("h3", "", { text: "From the index" });
      this.end = make("div", "look-buttons", {}, this.more);
      this.root = make("section", "source source-index", {}, title, this.bar, this.chips, this.told, this.problem, this.list, this.end);
      for (const one of [this.bar, this.chips, this.end]) one.hidden = true;
    }

    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.load(), SOON);
    }

    /** @param {{again?: boolean, adds?: boolean}} how `adds`: further rows behind those that are there */
    async load({ again = false, adds = false } = {}) {
      const asked = ++this.asked;
      const sort = this.sort.value;
      const query = new URLSearchParams({ words: this.search.value.trim(), sort, descending: sort !== "name", again, limit: PAGE, offset: adds ? this.rows.length : 0 });
      for (const tag of this.tags) query.append("tags", tag);
      for (const tag of this.hidden) query.append("without", tag);
      this.problem.textContent = "";
      if (again || !this.rows.length) this.told.textContent = "Fetching the index…";
      try {
        const found = await this.desk.ask(`/index?${query}`);
        if (asked === this.asked) this.show(found, adds);
      } catch (refused) {
        if (!(refused instanceof window.atelier.ExtensionRefused)) throw refused;
        if (asked === this.asked) this.refuse(refused.message);
      }
    }

    /** It can be fetched again. */
    refuse(sentence) {
      this.problem.textContent = sentence;
      this.told.textContent = "";
      this.bar.hidden = false;
    }

    show(found, adds) {
      this.rows = adds ? [...this.rows, ...found.rows] : found.rows;
      const isThere = Boolean(found.address);
      for (const one of [this.bar, this.chips]) one.hidden = !isThere;
      this.end.hidden = this.rows.length >= found.total;
      this.paintTags(found.tags);
      if (isThere) this.told.textContent = found.total === 1 ? "1 extension" : `${found.total.toLocaleString("en")} extensions`;
      else this.told.replaceChildren(...this.without());
      const known = adds ? this.list.childElementCount : 0;
      if (!adds) this.list.replaceChildren();
      this.list.append(...this.rows.slice(known).map((row) => this.row(row)));
    }

    without() {
      const words = make("span", "", { text: "No index is set. Its address belongs into “Extension index URL” in the Settings tab." });
      const open = async () => {
        window.atelier.header.openTab("Settings");
        await nextTo("setting-extension-index");
      };
      return [words, " ", button("Open the settings", "settings", open)];
    }

    paintTags(tags) {
      const names = Object.keys(tags);
      const shown = names.join("\n");
      if (this.shown === shown) return;
      this.shown = shown;
      this.chips.replaceChildren(
        ...names.map((name) => {
          const chip = button(name, name, () => this.turn(name, chip), "index-tag", { title: tags[name], translate: "no" });
          return this.mark(name, chip);
        }),
      );
    }

    /** A tag is asked for by the first click, hidden by the second, and left alone after the third. */
    turn(name, chip) {
      if (this.tags.delete(name)) this.hidden.add(name);
      else if (!this.hidden.delete(name)) this.tags.add(name);
      this.mark(name, chip);
      this.load();
    }

    mark(name, chip) {
      const isHidden = this.hidden.has(name);
      chip.textContent = isHidden ? `− ${name}` : name;
      chip.classList.toggle("is-hiding", isHidden);
      chip.setAttribute("aria-pressed", String(isHidden || this.tags.has(name)));
      return chip;
    }

    row(one) {
      const problem = make("p", "setting-problem", { role: "alert" });
      const facts = [one.added, one.stars === null ? "" : `★ ${one.stars.toLocaleString("en")}`, one.tags.join(", ")].filter(Boolean).join(" · ");
      const get = one.is_installed
        ? make("span", "extension-mark", { text: "Installed" })
        : button("Look at it", one.address, ({ target }) => this.begin(one, target, problem), "", { "aria-label": `Look at ${one.name}` });
      const words = make("div", "index-words", {}, foreign(one.name, "look-name"), make("p", "extension-about", { text: one.description, translate: "no" }), make("p", "index-facts", {}, parts.address(one.address)), make("p", "index-facts", { text: facts, translate: "no" }), problem);
      return make("li", "index-row", {}, words, get);
    }

    async begin(one, target, problem) {
      problem.textContent = "";
      const refused = (sentence) => (problem.textContent = sentence);
      try {
        await parts.holding([target], () => this.desk.begin({ repository: one.address }, { element: problem.parentElement, refuse: refused }));
      } catch (error) {
        if (!(error instanceof window.atelier.ExtensionRefused)) throw error;
        refused(error.message);
      }
    }
  }

  /** All ways, one beside the other. */
  class Sources {
    constructor(desk) {
      this.desk = desk;
      this.root = make("div", "sources-of-extensions", { hidden: true });
    }

    show() {
      if (!this.index) this.lay();
      this.index.load();
    }

    lay() {
      const { desk } = this;
      this.index = new Index(desk);
      const ways = [ofRepository(desk), ofZip(desk), ...(desk.list.takes_folders ? [ofFolder(desk)] : [])];
      this.root.replaceChildren(make("div", "source-ways", {}, ...ways), this.index.root);
    }
  }

  window.atelier.ExtensionSources = Sources;
})();
