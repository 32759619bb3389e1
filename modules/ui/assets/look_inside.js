// Look inside: a panel that shows how a request becomes a picture. Closed it does nothing; opened it asks the server
// what would be run, whenever the form is another one.
(() => {
  const REST = 350;
  /** After how long a server is asked again that was not ready. */
  const LOOK_AGAIN = 3000;
  /** @type {Object<string, Object<string, any>>} the latest values of each form, by task */
  const forms = {};
  /** @type {Panel[]} */
  const panels = [];

  /**
   * An element with texts and elements in it.
   * @param {string} tag
   * @param {Object<string, any>} [about] attributes; what begins with "on" is a listener, null and false are left out
   * @param {...(string | Node)} inside
   * @returns {any}
   */
  const node = (tag, about = {}, ...inside) => {
    const made = tag.startsWith("svg:")
      ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
      : document.createElement(tag);
    for (const [name, value] of Object.entries(about)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
    }
    made.append(...inside);
    return made;
  };

  /**
   * The answer of the native API. Throws an Error with the server's sentence; `passes`: it may be other in a moment.
   * @param {string} path below look-inside/
   * @param {any} [body] asks by POST
   * @param {AbortSignal} [signal]
   */
  const ask = async (path, body, signal) => {
    const how = body && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    };
    const answer = await fetch(`api/v1/look-inside/${path}`, { ...how, signal });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    const error = new Error(told.detail || "The server gave no answer. Try again.");
    error.passes = answer.status >= 500;
    throw error;
  };

  /**
   * A row of buttons of which one is chosen.
   * @param {string} label
   * @param {[string, string][]} choices keys and titles
   * @param {(key: string) => void} choose
   */
  const segments = (label, choices, choose) => {
    const buttons = choices.map(([key, title]) =>
      node("button", { type: "button", "data-key": key, onclick: () => choose(key) }, title),
    );
    const row = node("div", { class: "inside-segments", role: "group", "aria-label": label }, ...buttons);
    const mark = (chosen) =>
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.key === chosen)));
    return { row, mark };
  };

  /**
   * What a request is made of, out of a form: nothing that is empty, nor what belongs to something that is off.
   * @param {Object<string, any>} form
   * @param {{fields: string[], switched: Object<string, string[]>}} settings
   */
  const asked = (form, settings) => {
    const off = Object.entries(settings.switched).flatMap(([name, fields]) => (form[name] ? [] : fields));
    const given = settings.fields.filter((name) => !off.includes(name));
    const pairs = given.map((name) => [name, form[name]]);
    return Object.fromEntries(pairs.filter(([, value]) => value !== null && value !== undefined && value !== ""));
  };

  /** Every step of every pass, in order: where it is and how it is called. */
  const stepsOf = (passes) =>
    passes.flatMap((one, place) =>
      Array.from({ length: one.sigmas.length - 1 }, (_, step) => ({ place, step, of: one.sigmas.length - 1 })),
    );

  const stepName = (passes, at) => {
    const count = `Step ${at.step + 1} of ${at.of}`;
    if (passes.length < 2) return count;
    const name = passes[at.place].is_second ? "Second pass, step" : "First pass, step";
    return `${name} ${at.step + 1} of ${at.of}`;
  };

  /** The slider that Noise and Words share. */
  const scrubber = (state, moved) => {
    const range = node("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step" });
    const text = node("output", { class: "inside-step" });
    range.addEventListener("input", () => moved(Number(range.value)));
    const show = () => {
      const steps = stepsOf(state.passes);
      range.max = String(Math.max(0, steps.length - 1));
      range.value = String(state.at);
      const name = steps.length ? stepName(state.passes, steps[state.at]) : "No steps";
      text.textContent = name;
      range.setAttribute("aria-valuetext", name);
    };
    return { row: node("div", { class: "inside-scrubber" }, range, text), show };
  };

  const VIEWS = [
    ["noise", "Noise"],
    ["words", "Words"],
    ["steps", "Steps"],
  ];

  class Panel {
    constructor(element, settings) {
      this.settings = settings;
      this.records = false;
      this.state = { passes: [], words: [], at: 0 };
      this.view = "noise";
      this.asking = null;
      this.timer = 0;
      this.newest = "";
      const { inside } = window.atelier;
      this.parts = { noise: inside.noise(this), words: inside.words(this), steps: inside.steps(this) };
      this.lay(element.querySelector(".look-inside"));
    }

    lay(root) {
      this.badge = node("span", { class: "inside-badge", hidden: true }, "Recording");
      this.views = segments("What to look at", VIEWS, (key) => this.show(key));
      this.problem = node("p", { class: "inside-problem", role: "status" });
      this.scrubber = scrubber(this.state, (at) => this.moveTo(at));
      this.body = node("div", { class: "inside-body" });
      this.details = node(
        "details",
        { class: "inside", ontoggle: () => this.toggled() },
        node("summary", {}, node("span", { class: "inside-title" }, "Look inside"), this.badge),
        this.views.row,
        this.problem,
        this.body,
        this.scrubber.row,
      );
      root.replaceChildren(this.details);
      this.show(this.view);
    }

    get isOpen() {
      return this.details.open && this.isShown;
    }

    /** Whether its tab is looked at. */
    get isShown() {
      return this.details.offsetParent !== null;
    }

    toggled() {
      if (this.isOpen) this.show(this.view);
      else this.parts.steps.rest();
    }

    show(view) {
      this.view = view;
      this.views.mark(view);
      this.body.replaceChildren(this.parts[view].root);
      this.scrubber.row.hidden = view === "steps";
      this.problem.textContent = "";
      if (!this.isOpen) return;
      if (view === "steps") this.parts.steps.wake();
      else {
        this.parts.steps.rest();
        this.formChanged(0);
      }
    }

    /** @param {number} [rest] milliseconds in which nothing else may change before the server is asked */
    formChanged(rest = REST) {
      if (!this.isOpen || this.view === "steps") return;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), rest);
    }

    async look() {
      const form = forms[this.settings.task];
      if (!form) return;
      const body = { task: this.settings.task, fields: asked(form, this.settings) };
      const wanted = `${this.view} ${JSON.stringify(body)}`;
      if (wanted === this.newest) return;
      this.asking?.abort();
      this.asking = new AbortController();
      try {
        await this.take(body, this.asking.signal);
        this.newest = wanted;
        this.problem.textContent = "";
      } catch (error) {
        if (error.name === "AbortError") return;
        this.newest = "";
        this.problem.textContent = error.message;
        if (error.passes) this.formChanged(LOOK_AGAIN);
      }
    }

    async take(body, signal) {
      const needsWords = this.view === "words";
      const [schedule, words] = await Promise.all([
        ask("schedule", body, signal),
        needsWords ? ask("words", body, signal) : { passes: this.state.words },
      ]);
      this.state.passes = schedule.passes;
      this.state.words = words.passes;
      this.moveTo(Math.min(this.state.at, Math.max(0, stepsOf(schedule.passes).length - 1)));
    }

    moveTo(at) {
      this.state.at = at;
      this.scrubber.show();
      this.parts[this.view].show?.();
    }

    /** @param {boolean} on */
    record(on) {
      this.records = on;
      this.badge.hidden = !on;
    }
  }

  window.atelier.inside = { node, ask, segments, stepsOf };

  /**
   * @param {HTMLElement} element
   * @param {{task: string, fields: string[], switched: Object<string, string[]>}} settings
   */
  window.atelier.lookInside = (element, settings) => {
    const stale = panels.findIndex((one) => one.settings.task === settings.task);
    panels.splice(stale < 0 ? panels.length : stale, 1, new Panel(element, settings));
  };

  const readForm = window.atelier.readForm;
  window.atelier.readForm = (task, values) => {
    const form = readForm.call(window.atelier, task, values);
    forms[task] = form;
    panels.filter((panel) => panel.settings.task === task).forEach((panel) => panel.formChanged());
    return form;
  };

  // What is asked for on a tab whose panel records says so beside how it is queued.
  const takeHow = window.atelier.takeHow;
  window.atelier.takeHow = () => {
    const how = takeHow.call(window.atelier);
    if (!panels.some((panel) => panel.records && panel.isShown)) return how;
    return JSON.stringify({ ...(how && JSON.parse(how)), look_inside: true });
  };
})();
