// The Extensions tab: what is there, what it adds and touches, switching on and off, and starting the server anew.
(() => {
  const { element: make } = window.atelier;
  const SECONDS_TO_START = 120;
  const TOUCHED = {
    scripts: "the list of scripts",
    settings: "the settings",
    page: "this page",
    routes: "addresses of the server",
    sampling: "how pictures are made",
    network: "the model's network",
    files: "files of this computer",
    internet: "the internet",
    programs: "other programs",
  };

  const state = (one) => {
    if (one.waits) return ["waits", one.is_enabled && !one.problem ? "On after the next start" : "Off after the next start"];
    if (one.is_active) return ["active", "At work"];
    return one.problem ? ["wrong", "Left out"] : ["off", "Off"];
  };

  const chips = (title, names, translate) =>
    make(
      "div",
      "extension-adds",
      {},
      make("span", "", { text: title }),
      make("ul", "", {}, ...names.map((text) => make("li", "chip", { text, ...(translate ? {} : { translate: "no" }) }))),
    );

  const facts = (one) => {
    const parts = [];
    if (one.description) parts.push(make("p", "extension-about", { text: one.description }));
    if (one.homepage) {
      parts.push(make("a", "extension-home", { text: one.homepage, href: one.homepage, rel: "noreferrer", target: "_blank", translate: "no" }));
    }
    if (one.problem) parts.push(make("p", "extension-problem", { text: one.problem, role: "note" }));
    if (one.scripts.length) parts.push(chips("Scripts", one.scripts, false));
    if (one.touches.length) parts.push(chips("It touches", one.touches.map((word) => TOUCHED[word] ?? word), true));
    if (one.requirements.length) parts.push(chips("It needs", one.requirements, false));
    return parts;
  };

  const signature = (one) => [one.name !== one.title && one.name, one.version, one.author].filter(Boolean).join(" · ");

  /** The page of one mount: what it shows follows from the last answer of the server. */
  class Extensions {
    /** @param {HTMLElement} root */
    constructor(root) {
      this.root = root;
      this.list = make("div", "extension-lists");
      this.notice = make("p", "setting-problem", { role: "alert", hidden: "" });
      root.replaceChildren(this.notice, this.list);
    }

    async load() {
      await this.asked("api/v1/extensions");
    }

    /** @param {string} address @param {string} method */
    async asked(address, method = "GET") {
      this.notice.hidden = true;
      try {
        const answer = await fetch(address, { method });
        const content = await answer.json();
        if (answer.ok) this.paint(content);
        else this.refused(content.detail);
      } catch {
        this.refused("The server does not answer. Open the tab again.");
      }
    }

    /** @param {string} sentence */
    refused(sentence) {
      this.notice.textContent = sentence;
      this.notice.hidden = false;
    }

    paint(found) {
      this.start = found.start;
      this.canBeChanged = found.can_be_changed;
      const own = found.extensions.filter((one) => !one.is_built_in);
      const builtIn = found.extensions.filter((one) => one.is_built_in);
      const parts = [this.head(found, own)];
      parts.push(
        own.length
          ? this.section("Installed", "What lies in the folder “extensions”. It runs once you have switched it on.", own)
          : make("p", "setting-help", { text: "Nothing lies in the folder “extensions” yet." }),
      );
      parts.push(
        this.section("Built in", "Features that come with the program and are written as extensions.", builtIn),
      );
      this.list.replaceChildren(...parts.filter(Boolean));
    }

    head(found, own) {
      const lines = [];
      if (found.left_out) lines.push(make("p", "extension-problem", { text: found.left_out, role: "note" }));
      if (found.can_be_changed && (own.some((one) => one.waits) || found.left_out)) {
        const again = make("button", "extension-restart", { type: "button", text: "Start the server anew" });
        again.addEventListener("click", () => this.restart(again));
        lines.push(
          make(
            "div",
            "extension-again",
            {},
            make("p", "", {
              text: "Changes act when the server is started anew. What waits in the queue stays, and this page comes back with what is typed in it.",
            }),
            again,
          ),
        );
      }
      return lines.length ? make("div", "extension-head-lines", {}, ...lines) : null;
    }

    section(title, about, found) {
      return make(
        "section",
        "extension-section",
        {},
        make("h2", "", { text: title }),
        make("p", "setting-help", { text: about }),
        make("ul", "extension-list", {}, ...found.map((one) => this.card(one))),
      );
    }

    card(one) {
      const title = make("h3", "", { text: one.title, translate: "no" });
      const [kind, text] = state(one);
      const head = make("div", "extension-head", {}, title, make("span", "extension-state", { text }));
      const parts = [head];
      if (signature(one)) parts.push(make("p", "extension-signature", { text: signature(one), translate: "no" }));
      parts.push(...facts(one));
      if (one.can_be_enabled && this.canBeChanged) parts.push(...this.switches(one));
      return make("li", "extension", { "data-state": kind, "data-name": one.name }, ...parts);
    }

    switches(one) {
      const place = `api/v1/extensions/${encodeURIComponent(one.name)}`;
      const switching = (facts, method) => {
        const button = make("button", "extension-switch", { type: "button", ...facts });
        button.addEventListener("click", async () => {
          button.disabled = true;
          await this.asked(place, method);
          button.disabled = false;
        });
        return button;
      };
      if (one.is_enabled && (one.waits || one.is_active || !one.problem)) return [switching({ text: "Switch off" }, "DELETE")];
      if (!one.is_enabled && one.problem) return [];
      const warning = make("p", "setting-help", {
        text: "An extension can do whatever you can do on this computer. Switch on only what you trust.",
      });
      return one.is_enabled
        ? [warning, switching({ text: "Switch on again" }, "PUT"), switching({ text: "Switch off" }, "DELETE")]
        : [warning, switching({ text: "Switch on" }, "PUT")];
    }

    /** @param {HTMLButtonElement} button */
    async restart(button) {
      const before = this.start;
      button.disabled = true;
      const answer = await fetch("api/v1/extensions/restart", { method: "POST" }).catch(() => null);
      if (!answer?.ok) {
        this.refused((await answer?.json().catch(() => null))?.detail ?? "The server does not answer. Open the tab again.");
        button.disabled = false;
        return;
      }
      button.textContent = "The server is starting…";
      const deadline = Date.now() + SECONDS_TO_START * 1000;
      while (Date.now() < deadline) {
        await new Promise((done) => setTimeout(done, 500));
        const now = await fetch("api/v1/extensions").then((one) => one.json()).catch(() => null);
        if (now && now.start !== before) return window.location.reload();
      }
      this.refused("The server has not come back. Look at the window it was started in.");
    }
  }

  window.atelier.extensions = {
    /** @param {HTMLElement} root */
    mount: (root) => new Extensions(root).load(),
  };
})();
