// What was fetched to be looked at: what it is, what would run and come along, and the buttons that decide on it.
(() => {
  const { element: make, extensionParts: parts, toast } = window.atelier;
  const { inUnits, foreign, button } = parts;
  const TITLES = { fetching: "Fetching", installing: "Installing", failed: "It cannot be had" };
  const KINDS = { git: "Git repository", zip: "Zip file", folder: "Folder" };
  const CHANGES = { added: "Added", removed: "Removed", changed: "Changed" };

  const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const place = (look) => look.source.replace(/\/+$/, "").split(/[/\\]/).at(-1);

  const files = (title, names) => names.length && parts.folded(`${title}: ${names.length}`, names.map((name) => make("li", "", { text: name, translate: "no" })));

  const heading = (text) => make("h4", "", { text });
  const line = (text) => make("p", "look-line", { text });

  const running = (look) => {
    const found = [files("Python files, in the server", look.python_files), files("Scripts and styles, in the browser", look.page_files)];
    const shown = found.filter(Boolean);
    const once = look.python_files.length ? "Once it is switched on, from the next start:" : "Once it is switched on:";
    const about = shown.length ? once : "Nothing of it runs.";
    return make("div", "look-part", {}, heading("What will run"), line(about), ...shown);
  };

  /** Nobody told the size of some packages. */
  const fetching = (packages) => {
    const known = packages.filter((one) => one.size !== null);
    const amount = inUnits(known.reduce((sum, one) => sum + one.size, 0));
    if (!known.length) return "They are installed into a folder of its own. The program's own packages stay as they are.";
    if (known.length < packages.length)
      return `They are installed into a folder of its own, at least ${amount} to fetch. The program's own packages stay as they are.`;
    return `They are installed into a folder of its own, ${amount} to fetch. The program's own packages stay as they are.`;
  };

  const packages = (look) => {
    const row = (one) => {
      const amount = one.size === null ? [] : [make("span", "", { text: inUnits(one.size) })];
      return make("li", "", { title: one.sha256 }, foreign(one.name, "look-name"), foreign(one.version), ...amount);
    };
    const inside = look.packages.length
      ? [line(fetching(look.packages)), make("ul", "look-packages", {}, ...look.packages.map(row))]
      : [line(look.requirements.length ? "None: all that it needs is here already." : "None.")];
    const needs = look.requirements.length ? [parts.chips("It needs", look.requirements)] : [];
    return make("div", "look-part", {}, heading("Packages that come with it"), ...inside, ...needs);
  };

  const commitRow = (one) =>
    make("li", "", {}, parts.commit(one.commit), foreign(one.title, "look-name"), foreign([one.author, day(one.time)].filter(Boolean).join(" · "), "look-who"));

  const fileRow = (one) =>
    make("li", "", {}, make("span", `look-change is-${one.kind}`, { text: CHANGES[one.kind] }), foreign(one.name));

  const news = (look) => {
    const inside = [];
    if (look.commits?.length) inside.push(make("ol", "look-commits", {}, ...look.commits.map(commitRow)));
    else if (look.kind === "git") inside.push(line(look.commits ? "It has no new commits." : "What happened between the two versions cannot be told."));
    if (look.changed_files.length) inside.push(parts.folded(`Changed files: ${look.changed_files.length}`, look.changed_files.map(fileRow), "look-files"));
    else inside.push(line("No file of it is another."));
    return make("div", "look-part", {}, heading("What is new"), ...inside);
  };

  const origin = (look) => {
    const count = look.files;
    const told = make("span", "", { text: count === 1 ? "1 file" : `${count} files` });
    return parts.facts([
      [KINDS[look.kind], parts.address(look.source)],
      ["Branch, tag or commit", look.reference && foreign(look.reference)],
      ["Commit", look.commit && parts.commit(look.commit)],
      ["Content", make("span", "look-content", {}, told, " · ", make("span", "", { text: inUnits(look.size) }))],
      ["Hash", look.content && make("code", "", { text: look.content.slice(0, 16), title: look.content, translate: "no" })],
    ]);
  };

  /** The panel of one look; it is made anew when its state changes, and told of the bytes that came in between. */
  class LookPanel {
    /** @param {ExtensionDesk} desk @param {object} look */
    constructor(desk, look) {
      this.desk = desk;
      this.root = make("section", "look", { "data-id": look.id });
      this.problem = make("p", "setting-problem", { role: "alert" });
      this.state = "";
      this.show(look);
    }

    show(look) {
      this.look = look;
      if (this.state !== look.state) parts.keepingFocus(this.root, () => this.paint(), () => ["title"]);
      if (!this.amount) return;
      const amount = inUnits(look.received);
      this.amount.textContent = look.received ? `Fetched so far: ${amount}` : "";
    }

    focus() {
      this.title.focus({ preventScroll: true });
      this.root.scrollIntoView({ block: "nearest" });
    }

    paint() {
      const { look } = this;
      this.state = this.root.dataset.state = look.state;
      this.amount = null;
      const id = `look-${look.id}`;
      this.root.setAttribute("aria-labelledby", id);
      this.title = make("h3", "", { id, tabindex: "-1", "data-key": "title" }, ...this.titled());
      const inside = look.state === "ready" ? this.ready() : look.state === "failed" ? this.failed() : this.busy();
      this.root.replaceChildren(this.title, ...inside.filter(Boolean), this.problem);
    }

    titled() {
      const { look } = this;
      if (look.state !== "ready") return [make("span", "", { text: TITLES[look.state] ?? "" }), " ", foreign(look.title || place(look))];
      const title = [foreign(look.title), " ", foreign(look.version, "look-version")];
      const was = look.replaces && make("span", "look-replaces", {}, make("span", "", { text: "in the place of" }), " ", foreign(look.replaces));
      return was ? [...title, " ", was] : title;
    }

    busy() {
      this.amount = make("p", "look-line", { role: "status" });
      const bar = make("div", "look-bar", { role: "progressbar", "aria-label": TITLES[this.look.state] }, make("i"));
      const from = make("p", "look-line", {}, parts.address(this.look.source));
      return [from, bar, this.amount, this.buttons(button("Cancel", "cancel", () => this.cancel()))];
    }

    failed() {
      const { look } = this;
      const again = look.kind === "zip" ? [] : [button("Look once more", "again", () => this.again())];
      return [
        make("p", "extension-problem", { text: look.problem, role: "alert" }),
        this.buttons(...again, button("Close", "cancel", () => this.desk.forget(look))),
      ];
    }

    ready() {
      const { look } = this;
      const who = [look.name !== look.title && look.name, look.author].filter(Boolean).join(" · ");
      const columns = make("div", "look-columns", {}, ...(look.replaces ? [news(look)] : []), running(look), packages(look));
      return [
        who && make("p", "extension-signature", { text: who, translate: "no" }),
        look.description && make("p", "extension-about", { text: look.description, translate: "no" }),
        look.was_changed && make("p", "look-warning", { text: "Its files were changed on this computer. They are kept as a previous version." }),
        origin(look),
        look.touches.length && parts.touched(look),
        columns,
        make("p", "setting-help", { text: "An extension can do whatever you can do on this computer. Install only what you trust." }),
        this.decision(),
      ];
    }

    decision() {
      const { look, desk } = this;
      if (!look.replaces)
        return this.buttons(
          button("Install and switch on", "install-on", () => this.install(true), "is-first"),
          button("Install", "install", () => this.install(false)),
          button("Cancel", "cancel", () => this.cancel()),
        );
      const isUpdate = Boolean(desk.updates(look));
      const away = isUpdate ? button("Not now", "cancel", () => desk.close(look)) : button("Cancel", "cancel", () => this.cancel());
      return this.buttons(button("Update", "install", () => this.install(null), "is-first"), away);
    }

    buttons(...all) {
      return make("div", "look-buttons", {}, ...all);
    }

    async install(enable) {
      await this.doing(() => this.desk.install(this.look, enable));
    }

    /** What is being put in place is not given up in the middle: then it ends as it would have. */
    async cancel() {
      await this.doing(async () => {
        await this.desk.ask(`/looks/${this.look.id}/cancel`, "POST");
        await this.desk.askAgain();
        this.desk.follow();
      });
    }

    async again() {
      const { kind, source, reference } = this.look;
      await this.doing(async () => {
        await this.desk.begin(kind === "git" ? { repository: source, reference } : { folder: source });
        await this.desk.forget(this.look);
      });
    }

    async doing(act) {
      this.problem.textContent = "";
      try {
        await parts.holding([...this.root.querySelectorAll(".look-buttons button")], act);
      } catch (refused) {
        if (!(refused instanceof window.atelier.ExtensionRefused)) throw refused;
        this.problem.textContent = refused.message;
        if (refused.status === 404) await this.leave(refused.message);
      }
    }

    /** The server knows the look no longer: its panel goes, and what was wrong is said above. @param {string} sentence */
    async leave(sentence) {
      await this.desk.askAgain();
      if (!this.root.isConnected) this.desk.refused(sentence);
    }
  }

  /** All panels; those that stay keep their elements, and with them the focus. */
  class LookList {
    constructor(desk) {
      this.desk = desk;
      this.root = make("div", "looks");
      /** @type {Map<string, LookPanel>} */
      this.panels = new Map();
    }

    /** @returns {object | undefined} the look that the focus was on, where it is gone */
    paint() {
      const shown = this.desk.shown;
      let left;
      for (const [id, panel] of this.panels) {
        if (shown.some((one) => one.id === id)) continue;
        if (panel.root.contains(document.activeElement)) left = panel.look;
        panel.root.remove();
        this.panels.delete(id);
      }
      for (const look of shown) {
        const panel = this.panels.get(look.id);
        if (panel) panel.show(look);
        else this.add(look);
      }
      return left;
    }

    add(look) {
      const panel = new LookPanel(this.desk, look);
      this.panels.set(look.id, panel);
      this.root.prepend(panel.root);
      if (this.desk.opened.has(look.id)) panel.focus();
    }
  }

  /** What is said of a look that ended. */
  const told = (look) => {
    const title = look.title || place(look);
    if (look.state === "done") toast(`Installed: ${title} ${look.version}`);
    if (look.state === "unchanged") toast(`There is nothing new of ${title}.`);
  };

  Object.assign(window.atelier, { ExtensionLooks: LookList, toldOfLook: told });
})();
