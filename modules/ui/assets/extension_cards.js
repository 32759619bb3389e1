// What lies in the folder of extensions and what comes with the program, each with what can be done about it.
(() => {
  const { element: make, extensionParts: parts, ask, toast } = window.atelier;
  const { button } = parts;

  const state = (one) => {
    if (one.waits) return ["waits", one.is_wanted ? "On after the next start" : "Off after the next start"];
    if (one.is_active) return ["active", "At work"];
    return one.problem ? ["wrong", "Left out"] : ["off", "Off"];
  };

  const signature = (one) => [one.name !== one.title && one.name, one.version, one.author].filter(Boolean).join(" · ");

  const about = (one) => {
    const found = [];
    if (one.description) found.push(make("p", "extension-about", { text: one.description }));
    if (one.homepage) found.push(make("p", "extension-home", {}, parts.address(one.homepage)));
    if (one.problem) found.push(make("p", "extension-problem", { text: one.problem, role: "note" }));
    if (one.scripts.length) found.push(parts.chips("Scripts", one.scripts));
    if (one.touches.length) found.push(parts.touched(one));
    if (one.requirements.length) found.push(parts.chips("It needs", one.requirements));
    return found;
  };

  const origin = (one) =>
    parts.facts([
      ["Source", one.source && parts.address(one.source)],
      ["Commit", one.commit && parts.commit(one.commit)],
      ["Earlier versions", one.previous.length > 0 && parts.foreign(one.previous.join(", "))],
    ]);

  class Cards {
    /** @param {ExtensionDesk} desk @param {(sentence: string) => void} refused @param {() => void} wantsMore */
    constructor(desk, refused, wantsMore) {
      Object.assign(this, { desk, refused, wantsMore });
      this.root = make("div", "extension-lists");
      this.held = new parts.HeldKeys(this.root);
      this.painted = "";
    }

    paint() {
      const { desk } = this;
      const updates = desk.own.map((one) => desk.updateOf(one));
      const now = JSON.stringify([desk.list, updates.map((one) => one && [one.id, one.state, one.problem])]);
      if (now === this.painted) return;
      this.painted = now;
      const others = (key) => ["title:", "back:"].map((one) => one + key.split(":")[1]);
      parts.keepingFocus(this.root, () => this.root.replaceChildren(...this.sections().filter(Boolean)), others);
      this.held.mark();
    }

    /** @param {string} name */
    focus(name) {
      this.root.querySelector(`[data-key="title:${CSS.escape(name)}"]`)?.focus();
    }

    sections() {
      const { list, own } = this.desk;
      const builtIn = list.extensions.filter((one) => one.is_built_in);
      return [
        own.length
          ? this.section("Installed", "What lies in the folder “extensions”. It runs once you have switched it on.", own)
          : this.nothing(),
        this.removed(list.removed),
        this.section("Built in", "Features that come with the program and are written as extensions.", builtIn),
      ];
    }

    nothing() {
      const words = make("p", "setting-help", { text: "Nothing lies in the folder “extensions” yet." });
      const more = this.desk.canChange ? [button("Install one", "more", () => this.wantsMore(), "is-first")] : [];
      return make("div", "extension-nothing", {}, words, ...more);
    }

    removed(names) {
      if (!names.length || !this.desk.canChange) return null;
      const row = (name) =>
        make(
          "li",
          "extension-removed",
          { "data-name": name },
          parts.foreign(name, "look-name"),
          button("Put back", `back:${name}`, (event) => this.putBack(event, name)),
          button("Delete for good", `forget:${name}`, (event) => this.forget(event, name)),
        );
      return make(
        "section",
        "extension-section",
        {},
        make("h2", "", { text: "Removed" }),
        make("p", "setting-help", { text: "Their last versions are kept, with their packages." }),
        make("ul", "extension-removals", {}, ...names.map(row)),
      );
    }

    section(title, words, found) {
      return make(
        "section",
        "extension-section",
        {},
        make("h2", "", { text: title }),
        make("p", "setting-help", { text: words }),
        make("ul", "extension-list", {}, ...found.map((one) => this.card(one))),
      );
    }

    card(one) {
      const title = make("h3", "", { text: one.title, translate: "no", tabindex: "-1", "data-key": `title:${one.name}` });
      const [kind, text] = state(one);
      const inside = [make("div", "extension-head", {}, title, make("span", "extension-state", { text }))];
      if (signature(one)) inside.push(make("p", "extension-signature", { text: signature(one), translate: "no" }));
      if (!one.is_built_in) inside.push(this.marks(one));
      inside.push(...about(one));
      if (!one.is_built_in && (one.source || one.previous.length)) inside.push(origin(one));
      if (!one.is_built_in && this.desk.canChange) inside.push(...this.actions(one));
      return make("li", "extension", { "data-state": kind, "data-name": one.name }, ...inside.filter(Boolean));
    }

    /** That it is pinned, and what a look for an update came to. */
    marks(one) {
      const update = this.desk.updateOf(one);
      const found = [];
      if (one.is_pinned) found.push(make("span", "extension-mark is-pinned", { text: "Pinned" }));
      if (update?.state === "fetching") found.push(make("span", "extension-mark", { text: "Looking for an update…" }));
      if (update?.state === "installing") found.push(make("span", "extension-mark", { text: "Installing…" }));
      if (update?.state === "ready") found.push(make("span", "extension-mark is-new", {}, make("span", "", { text: "New version" }), " ", parts.foreign(update.version)));
      const rows = found.length ? [make("div", "extension-marks", {}, ...found)] : [];
      if (update?.state === "failed") {
        const words = make("span", "", { text: update.content ? "The update could not be installed." : "No update could be looked at." });
        rows.push(make("p", "extension-problem", {}, words, " ", make("span", "", { text: update.problem })));
      }
      return rows.length ? make("div", "extension-updates", {}, ...rows) : null;
    }

    actions(one) {
      const { name } = one;
      const place = `/${encodeURIComponent(name)}`;
      const key = (action) => `${action}:${name}`;
      const wish = (path, method) => (event) => this.wish(event, place + path, method);
      const found = this.switches(one, wish, key);
      const isOn = found.some((each) => each.dataset.key === key("on"));
      if (one.kind === "git" && !one.is_pinned) found.push(this.updating(one, key));
      if (one.source) {
        found.push(one.is_pinned ? button("Unpin", key("pin"), wish("/unpin")) : button("Pin", key("pin"), wish("/pin"), "", { title: "Updates leave it alone then" }));
      }
      if (one.previous.length) found.push(button("Roll back", key("back"), (event) => this.rollBack(event, one)));
      found.push(button("Remove", key("remove"), (event) => this.remove(event, one)));
      const warning = make("p", "setting-help", {
        text: "An extension can do whatever you can do on this computer. Switch on only what you trust.",
      });
      const row = make("div", "extension-actions", { role: "group", "aria-label": one.title }, ...found);
      return isOn ? [warning, row] : [row];
    }

    switches(one, wish, key) {
      if (!one.can_be_enabled) return [];
      const off = button("Switch off", key("off"), wish("", "DELETE"));
      // What failed in this start may have been mended since; what is in the way of the next one has to be mended first.
      const isInTheWay = Boolean(one.problem) && !one.has_failed;
      if (!one.is_enabled) return isInTheWay ? [] : [button("Switch on", key("on"), wish("", "PUT"), "is-first")];
      const isFine = one.is_wanted && (one.waits || !one.problem);
      return isFine ? [off] : [button("Switch on again", key("on"), wish("", "PUT"), "is-first"), off];
    }

    updating(one, key) {
      const update = this.desk.updateOf(one);
      if (update?.state === "ready") return button("See the update", key("update"), () => this.desk.open(update), "is-first");
      const isBusy = update?.state === "fetching" || update?.state === "installing";
      return button("Update", key("update"), (event) => this.doing(event, () => this.look(one, update)), "", { disabled: isBusy });
    }

    async look(one, before) {
      if (before) await this.desk.forget(before);
      await this.desk.begin({ update: one.name });
    }

    async rollBack(event, one) {
      const kept = await this.kept(event, one.name);
      if (kept) await this.take(event, one.name, await ask.oneOf(`Go back to which version of ${one.title}?`, kept));
    }

    async putBack(event, name) {
      const kept = await this.kept(event, name);
      if (!kept) return;
      await this.take(event, name, kept.length > 1 ? await ask.oneOf(`Put back which version of ${name}?`, kept) : kept[0].value);
    }

    /** The versions that are kept of one, to choose from; null where they cannot be had. */
    async kept(event, name) {
      const versions = await this.doing(event, () => this.desk.ask(`/${encodeURIComponent(name)}/previous`));
      return versions && versions.map(({ number, version, commit }) => ({ label: [version, commit.slice(0, 12)].filter(Boolean).join(" · "), value: number }));
    }

    /** @param {number | null} number of the version that is wanted; null: none is */
    async take(event, name, number) {
      if (number !== null) await this.wish(event, `/${encodeURIComponent(name)}/roll-back?version=${number}`);
    }

    async remove(event, one) {
      const going = make("ul", "question-list", {}, ...["Its folder, and what it adds to the program", "The packages that were installed for it"].map((text) => make("li", "", { text })));
      const words = [
        make("p", "", { text: "These go, with the next start from what runs:" }),
        going,
        make("p", "", { text: "Its settings and its own files stay. It is kept among the removed ones below, and can be put back." }),
      ];
      if (!(await ask.agreed(`Remove the extension ${one.title}?`, words, "Remove", "is-grave"))) return;
      const place = `/${encodeURIComponent(one.name)}`;
      if (await this.wish(event, place + "/remove")) {
        toast(`Removed: ${one.title}`, { label: "Put back", act: () => this.wish(event, place + "/roll-back") });
      }
    }

    async forget(event, name) {
      const words = "What is kept of it is deleted, and cannot be had back from here.";
      if (await ask.sure(`Delete ${name} for good?`, words, "Delete for good")) {
        await this.wish(event, `/${encodeURIComponent(name)}/forget`);
      }
    }

    /** @returns {Promise<boolean>} whether it was done */
    async wish(event, path, method = "POST") {
      return (await this.doing(event, async () => (await this.desk.change(path, method), true))) ?? false;
    }

    /** A button waits while what it asked for is done; a refusal is told above the list. */
    async doing({ target }, act) {
      this.refused("");
      try {
        return await this.held.during(target.dataset.key, act);
      } catch (refused) {
        if (!(refused instanceof window.atelier.ExtensionRefused)) throw refused;
        this.refused(refused.message);
        return null;
      }
    }
  }

  window.atelier.ExtensionCards = Cards;
})();
