// The Extensions tab: what is there and what could be, updates, whole sets, and starting the server anew.
(() => {
  const { element: make, extensionParts: parts, ask, toast } = window.atelier;
  const { button, foreign } = parts;
  const SECONDS_TO_START = 120;
  /** The second click of a double one comes within these milliseconds. */
  const DOUBLE_CLICK = 700;
  const MOST_SET_BYTES = 4 * 2 ** 20;
  const STATES = { waiting: "Waiting", running: "In progress", done: "Done", failed: "Failed" };
  const ENDS = { running: "A set is being restored", done: "The set was restored", cancelled: "Restoring was cancelled" };

  /** The page of one mount: what it shows follows from the last answers of the server. */
  class Extensions {
    /** @param {HTMLElement} root */
    constructor(root) {
      this.view = "installed";
      this.desk = new window.atelier.ExtensionDesk(
        () => this.paint(),
        (look, isOpened) => this.ended(look, isOpened),
        (sentence) => this.refused(sentence),
      );
      this.notice = make("p", "setting-problem", { role: "alert" });
      this.lines = make("div", "extension-head-lines");
      this.bar = make("div", "extensions-bar", { hidden: true });
      this.held = new parts.HeldKeys(this.bar);
      this.restored = make("div", "extension-set", { hidden: true });
      this.looks = new window.atelier.ExtensionLooks(this.desk);
      this.cards = new window.atelier.ExtensionCards(
        this.desk,
        (sentence) => this.refused(sentence),
        () => this.open("install"),
      );
      this.sources = new window.atelier.ExtensionSources(this.desk);
      root.replaceChildren(this.notice, this.lines, this.bar, this.looks.root, this.restored, this.cards.root, this.sources.root);
      new IntersectionObserver((seen) => this.turn(seen.at(-1).isIntersecting)).observe(root);
    }

    /** Each time the tab is opened it shows what there is by then. @param {boolean} isSeen */
    async turn(isSeen) {
      if (!isSeen || this.isLoading || this.isStarting || this.desk.isFollowing) return;
      this.isLoading = true;
      try {
        await this.load();
      } finally {
        this.isLoading = false;
      }
    }

    load() {
      return this.doing(async () => {
        this.isOwner = (await window.atelier.machine())?.is_owner ?? false;
        await this.desk.load();
      });
    }

    /** @param {string} sentence empty: there is nothing wrong */
    refused(sentence) {
      this.notice.textContent = sentence;
      if (sentence) this.notice.scrollIntoView({ block: "nearest" });
    }

    async doing(act) {
      this.refused("");
      try {
        await act();
      } catch (refused) {
        if (!(refused instanceof window.atelier.ExtensionRefused)) throw refused;
        this.refused(refused.message);
      }
    }

    paint() {
      if (!this.desk.list) return;
      const left = this.looks.paint();
      this.paintLines();
      this.paintBar();
      this.paintRestored();
      this.cards.paint();
      if (left) this.focusBehind(left);
    }

    /** Where the focus goes when the panel that it was on is gone. */
    focusBehind(look) {
      if (this.view === "installed" && this.desk.own.some((one) => one.name === look.name)) this.cards.focus(look.name);
      else this.bar.querySelector("[aria-pressed=true]")?.focus();
    }

    ended(look, isOpened) {
      window.atelier.toldOfLook(look);
      if (look.state !== "done" || !isOpened) return;
      this.open("installed");
      this.cards.focus(look.name);
    }

    /** @param {"installed" | "install"} view */
    open(view) {
      const isOther = this.view !== view;
      this.view = view;
      this.cards.root.hidden = view !== "installed";
      this.sources.root.hidden = view !== "install";
      if (isOther && view === "install") this.sources.show();
      this.paint();
    }

    paintLines() {
      const { list, canChange, own, isPageOlder } = this.desk;
      const lines = [];
      if (list.left_out) lines.push(make("p", "extension-problem", { text: list.left_out, role: "note" }));
      if (!canChange && this.isOwner) {
        const text = "Extensions are changed on the computer of the server, or from everywhere once it is started with --allow-extension-changes.";
        lines.push(make("p", "setting-help", { text }));
      }
      const waits = list.waits || own.some((one) => one.waits);
      if (canChange && (waits || list.left_out)) lines.push(this.starting());
      if (isPageOlder && !waits) lines.push(this.opening());
      const now = JSON.stringify([list.left_out, lines.length, list.waits, isPageOlder]);
      if (now === this.linesNow) return;
      this.linesNow = now;
      this.lines.replaceChildren(...lines);
    }

    starting() {
      const again = make("button", "extension-restart", { type: "button", text: "Start the server anew" });
      again.addEventListener("click", () => this.restart(again));
      const text =
        "Changes act when the server is started anew. What waits in the queue stays, and this page comes back with what is typed in it.";
      return make("div", "extension-again", {}, make("p", "", { text }), again);
    }

    /** What needs no start of the server is seen by whoever opens the page anew. */
    opening() {
      const again = make("button", "extension-restart", { type: "button", text: "Open the page anew" });
      again.addEventListener("click", () => window.location.reload());
      const text = "What changed acts already, and shows in the page when it is opened anew. It comes back with what is typed in it.";
      return make("div", "extension-again", {}, make("p", "", { text }), again);
    }

    paintBar() {
      const { desk, view } = this;
      this.bar.hidden = !desk.canChange;
      const ready = desk.ready.length;
      const canCheck = desk.own.some((one) => one.kind === "git" && !one.is_pinned);
      const now = JSON.stringify([view, ready, desk.unseen, canCheck, desk.checking, desk.isRestoring, desk.own.length]);
      if (now === this.barNow) return;
      this.barNow = now;
      parts.keepingFocus(this.bar, () => this.bar.replaceChildren(this.views(), this.told(ready), this.tools(ready, canCheck)), () => ["check", `view:${view}`]);
      this.held.mark();
    }

    views() {
      const one = (view, text) => make("button", "", { text, "data-key": `view:${view}`, "aria-pressed": String(this.view === view), on: { click: () => this.open(view) } });
      return make("div", "view-switch", { role: "group", "aria-label": "What is shown" }, one("installed", "Installed"), one("install", "Install"));
    }

    /** What came of the check for updates. */
    told(count) {
      const { checking, isChecking } = this.desk;
      this.status ??= make("p", "extensions-told", { role: "status" });
      const text = isChecking ? "Looking for updates…" : checking === "checked" ? this.checked(count) : "";
      if (this.status.textContent !== text) this.status.textContent = text;
      return this.status;
    }

    checked(count) {
      const updates = count === 1 ? "1 update" : `${count} updates`;
      const failed = (count) => (count === 1 ? "1 could not be looked at" : `${count} could not be looked at`);
      const { unseen } = this.desk;
      return [count && updates, unseen && failed(unseen)].filter(Boolean).join(" · ") || "No updates";
    }

    tools(count, canCheck) {
      const { desk } = this;
      const found = [];
      if (canCheck) {
        found.push(
          desk.checking === "checking"
            ? button("Cancel", "check", (event) => this.stopChecking(event))
            : button("Check for updates", "check", (event) => this.check(event)),
        );
      }
      if (count) found.push(button(`Update all (${count})`, "all", () => this.updateAll(), "is-first"));
      if (desk.own.length) {
        found.push(make("a", "chip-button", { text: "Back up", href: "api/v1/extensions/backup", download: "extensions.json", "data-key": "backup" }));
      }
      found.push(button("Restore", "restore", () => this.chooseSet(), "", { disabled: desk.isRestoring }));
      return make("div", "extensions-tools", { role: "group", "aria-label": "All extensions" }, ...found);
    }

    check({ timeStamp }) {
      this.checkedAt = timeStamp;
      return this.doing(() => this.held.during("check", () => this.desk.check()));
    }

    stopChecking({ timeStamp }) {
      const { desk } = this;
      if (timeStamp - this.checkedAt < DOUBLE_CLICK) return undefined; // it was meant for the button that was here
      desk.checking = "";
      return this.doing(() => Promise.all(desk.looks.filter((one) => one.state === "fetching" && desk.updates(one)).map((one) => desk.forget(one))));
    }

    async updateAll() {
      const { desk } = this;
      const updates = desk.ready;
      const row = (look) => {
        const brought = look.packages.map((one) => `${one.name} ${one.version}`).join(", ");
        const packages = brought ? [" · ", make("span", "", { text: "Packages:" }), " ", foreign(brought)] : [];
        return make("li", "", {}, foreign(`${look.title}: ${look.replaces} → ${look.version}`), ...packages);
      };
      const words = [
        make("ul", "question-list", {}, ...updates.map(row)),
        make("p", "", { text: "Pinned ones are left out. The versions that are here now are kept, and can be gone back to." }),
      ];
      if (!(await ask.agreed("Update all of these?", words, "Update all"))) return;
      await this.doing(() => this.held.during("all", () => this.installAll(updates)));
    }

    /** One that is refused holds up none of the others. */
    async installAll(updates) {
      const found = await Promise.allSettled(updates.map((look) => this.desk.install(look, null)));
      const refusals = found.filter((one) => one.status === "rejected").map((one) => one.reason);
      const fault = refusals.find((one) => !(one instanceof window.atelier.ExtensionRefused));
      if (fault) throw fault;
      if (refusals.length) throw new window.atelier.ExtensionRefused([...new Set(refusals.map((one) => one.message))].join(" "));
    }

    chooseSet() {
      const chooser = make("input", "", { type: "file", accept: ".json,application/json" });
      chooser.addEventListener("change", () => this.doing(() => this.restore(chooser.files[0])));
      chooser.click();
    }

    /** @param {File} file */
    async restore(file) {
      const set = file.size > MOST_SET_BYTES ? null : await file.text().then(JSON.parse).catch(() => null);
      if (!Array.isArray(set?.extensions)) throw new window.atelier.ExtensionRefused("This file is no set of extensions.");
      const row = (one) => {
        const on = one?.is_enabled ? [" · ", make("span", "", { text: "switched on" })] : [];
        return make("li", "", {}, foreign([one?.name, one?.version, one?.source].filter((word) => typeof word === "string" && word).join(" · ")), ...on);
      };
      const words = [
        make("ul", "question-list", {}, ...set.extensions.slice(0, 500).map(row)),
        make("p", "", { text: "They are fetched as they were, and switched on where they were on. Others that are installed stay as they are." }),
        make("p", "", { text: "An extension can do whatever you can do on this computer. Install only what you trust." }),
      ];
      if (await ask.agreed("Restore these extensions?", words, "Restore")) await this.desk.restore(set);
    }

    paintRestored() {
      const { restored } = this.desk;
      this.restored.hidden = !restored;
      const now = JSON.stringify(restored);
      if (now === this.restoredNow || !restored) return;
      this.restoredNow = now;
      const row = (one) =>
        make(
          "li",
          "set-row",
          { "data-state": one.state },
          foreign(one.name, "look-name"),
          make("span", "extension-mark", { text: STATES[one.state] }),
          ...(one.problem ? [make("p", "extension-problem", { text: one.problem })] : []),
        );
      const isRunning = restored.state === "running";
      const act = isRunning
        ? button("Cancel", "set", () => this.doing(() => this.desk.ask("/restore/cancel", "POST")))
        : button("Close", "set", () => this.desk.forgetRestored());
      this.setTitle ??= make("h3");
      if (this.setTitle.textContent !== ENDS[restored.state]) this.setTitle.textContent = ENDS[restored.state];
      this.setHead ??= make("div", "", { role: "status" }, this.setTitle);
      const inside = [this.setHead, make("ul", "set-rows", {}, ...restored.rows.map(row)), make("div", "look-buttons", {}, act)];
      parts.keepingFocus(this.restored, () => this.restored.replaceChildren(...inside));
    }

    /** @param {HTMLButtonElement} again */
    async restart(again) {
      const before = this.desk.list.start;
      again.disabled = this.isStarting = true;
      try {
        await this.desk.ask("/restart", "POST");
      } catch (refused) {
        if (!(refused instanceof window.atelier.ExtensionRefused)) throw refused;
        this.refused(refused.message);
        again.disabled = this.isStarting = false;
        return;
      }
      again.textContent = "The server is starting…";
      const late = setTimeout(
        () => this.refused("The server has not come back. Look at the window it was started in."),
        SECONDS_TO_START * 1000,
      );
      await this.started(before);
      clearTimeout(late);
      window.location.reload();
    }

    /** Waits for another start of the server than this one, which may want a new login. @param {string} before */
    async started(before) {
      for (let now = before; now === before; ) {
        await new Promise((done) => setTimeout(done, 500));
        now = await this.desk.ask("").then(
          (list) => list?.start ?? before,
          (refused) => (refused.status === 401 ? "" : before),
        );
      }
    }
  }

  window.atelier.extensions = {
    /** @param {HTMLElement} root */
    mount: (root) => new Extensions(root),
  };
})();
