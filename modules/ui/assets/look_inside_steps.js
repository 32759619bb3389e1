// How recorded pictures came to be: each step, what guidance did, and where the model looked for each word.
(() => {
  const { node, ask, segments } = window.atelier.inside;
  const LOOK_AGAIN = 2500;
  const PLAY = 220;
  const SIGHTS = [
    ["denoised", "After this step"],
    ["positive", "With the prompt"],
    ["negative", "With the negative prompt"],
    ["difference", "What guidance changed"],
  ];
  const ABOUT =
    "Keeps small pictures of every step of the next jobs, and where the model looked for each word. " +
    "The pictures come out the same and take a little longer. Recordings go after 7 days.";

  const NOTHING = "Nothing is recorded yet. Switch recording on, and press Generate.";

  const option = (value, text) => node("option", { value }, text);

  /** A short name of a recorded job for the list. */
  const jobName = (job) => {
    const words = (job.prompt || "").trim().split(/\s+/).join(" ");
    const when = new Date(job.created * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    return words ? `${when} · ${words.slice(0, 60)}` : when;
  };

  /** The colour of a place: dark where the model looked least for a word, orange where it looked most. */
  const tint = (share) => [255 * Math.sqrt(share), 150 * share, 20 * share, 255 * (0.62 - 0.14 * share)];

  class Steps {
    constructor(panel) {
      this.panel = panel;
      this.jobs = [];
      this.runs = [];
      this.at = 0;
      this.sight = "denoised";
      this.word = null;
      this.pinned = null;
      this.ofStep = false;
      this.timer = 0;
      this.playing = 0;
      this.lay();
    }

    lay() {
      this.switch = node("input", { type: "checkbox", onchange: () => this.switched() });
      const loads = () => this.load(this.job.value);
      const chooses = () => this.choose(Number(this.run.value));
      this.job = node("select", { "aria-label": "Recorded job", translate: "no", onchange: loads });
      this.run = node("select", { "aria-label": "Picture and pass", onchange: chooses });
      this.status = node("p", { class: "inside-line", role: "status" });
      this.shown = node("div", { class: "inside-shown", hidden: true });
      this.root = node(
        "div",
        { class: "inside-steps" },
        node("label", { class: "inside-switch" }, this.switch, node("span", {}, "Record the next pictures")),
        node("p", { class: "inside-line" }, ABOUT),
        node("div", { class: "inside-choices" }, this.job, this.run),
        this.status,
        this.shown,
      );
      this.layShown();
    }

    layShown() {
      this.large = node("img", { class: "inside-large", alt: "", decoding: "async" });
      this.heat = node("canvas", { class: "inside-heat", "aria-hidden": "true", hidden: true });
      this.caption = node("figcaption", {});
      this.small = node("div", { class: "inside-small" });
      this.range = node("input", { type: "range", min: 0, value: 0, "aria-label": "Recorded step" });
      this.range.addEventListener("input", () => this.moveTo(Number(this.range.value)));
      this.stepName = node("output", { class: "inside-step" });
      this.play = node("button", { type: "button", class: "inside-play", onclick: () => this.togglePlay() }, "Play");
      this.strip = node("div", { class: "inside-strip", role: "group", "aria-label": "Steps" });
      this.chips = node("div", { class: "inside-chips", translate: "no" });
      const kinds = [
        ["mean", "Mean of all steps"],
        ["step", "This step"],
      ];
      this.kinds = segments("Where the model looked", kinds, (key) => this.chooseKind(key === "step"));
      this.kinds.mark("mean");
      this.wordsLine = node("p", { class: "inside-line" });
      const stage = node("div", { class: "inside-stage" }, this.large, this.heat);
      this.shown.append(
        node("figure", {}, stage, this.caption),
        this.small,
        node("div", { class: "inside-scrubber" }, this.play, this.range, this.stepName),
        this.strip,
        node("h4", {}, "Where the model looked for each word"),
        this.wordsLine,
        this.chips,
        this.kinds.row,
      );
    }

    switched() {
      this.panel.record(this.switch.checked);
      this.wake();
    }

    /** The view is looked at: what is there is shown, and while recordings are wanted, what comes. */
    wake() {
      clearTimeout(this.timer);
      this.refresh().finally(() => {
        clearTimeout(this.timer);
        if (this.isWanted) this.timer = setTimeout(() => this.wake(), LOOK_AGAIN);
      });
    }

    get isWanted() {
      return this.switch.checked && this.panel.isOpen && this.panel.view === "steps";
    }

    rest() {
      clearTimeout(this.timer);
      this.stop();
    }

    async refresh() {
      if (document.hidden) return;
      try {
        const { jobs } = await ask("jobs");
        const newest = this.jobs[0]?.id;
        this.jobs = jobs;
        this.list();
        const latest = jobs[0]?.id;
        if (latest && (latest !== newest || this.job.value === latest)) await this.load(latest);
      } catch (error) {
        this.status.textContent = error.message;
      }
    }

    list() {
      const chosen = this.job.value;
      this.job.replaceChildren(...this.jobs.map((job) => option(job.id, jobName(job))));
      if (this.jobs.some((job) => job.id === chosen)) this.job.value = chosen;
      this.job.hidden = !this.jobs.length;
      this.status.textContent = this.jobs.length ? "" : NOTHING;
      this.shown.hidden = !this.jobs.length || !this.runs.length;
      this.run.hidden = this.runs.length < 2;
    }

    async load(id) {
      const isOther = this.loaded !== id;
      try {
        const { runs } = await ask(`jobs/${encodeURIComponent(id)}`);
        if (!isOther && runs.length === this.runs.length) return;
        this.loaded = id;
        this.job.value = id;
        this.runs = runs;
        this.listRuns();
        this.choose(isOther ? runs.length - 1 : Number(this.run.value) || 0);
      } catch (error) {
        this.status.textContent = error.message;
      }
    }

    listRuns() {
      const name = (run) =>
        run.is_second ? `Picture ${run.index + 1}, second pass` : `Picture ${run.index + 1}`;
      const chosen = this.run.value;
      this.run.replaceChildren(...this.runs.map((run, place) => option(place, name(run))));
      if (Number(chosen) < this.runs.length) this.run.value = chosen;
      this.run.hidden = this.runs.length < 2;
      this.shown.hidden = !this.runs.length;
    }

    choose(place) {
      this.stop();
      this.place = place;
      this.run.value = String(place);
      this.word = this.pinned = null;
      this.sheet = null;
      const { recorded } = this.now;
      this.range.max = String(recorded.length - 1);
      this.layStrip(recorded);
      this.layWords();
      this.moveTo(recorded.length - 1);
    }

    get now() {
      return this.runs[this.place];
    }

    address(file) {
      return `api/v1/look-inside/jobs/${encodeURIComponent(this.loaded)}/${encodeURIComponent(file)}`;
    }

    layStrip(recorded) {
      const buttons = recorded.map((step, place) => {
        const src = this.address(step.files.denoised);
        const picture = node("img", { alt: "", loading: "lazy", decoding: "async", src });
        const label = `Step ${step.number}`;
        const moves = () => this.moveTo(place);
        return node("button", { type: "button", "aria-label": label, title: label, onclick: moves }, picture);
      });
      this.strip.replaceChildren(...buttons);
    }

    moveTo(at) {
      this.at = at;
      const step = this.now.recorded[at];
      const name = `Step ${step.number} of ${this.now.steps}`;
      this.range.value = String(at);
      this.range.setAttribute("aria-valuetext", name);
      this.stepName.textContent = name;
      [...this.strip.children].forEach((one, place) => {
        if (place === at) one.setAttribute("aria-current", "step");
        else one.removeAttribute("aria-current");
      });
      const current = this.strip.children[at];
      this.strip.scrollLeft = current.offsetLeft - (this.strip.clientWidth - current.clientWidth) / 2;
      this.showSights(step);
      this.drawHeat();
    }

    showSights(step) {
      const chosen = step.files[this.sight] ? this.sight : "denoised";
      const title = SIGHTS.find(([key]) => key === chosen)[1];
      this.large.src = this.address(step.files[chosen]);
      this.large.alt = title;
      this.caption.textContent = title;
      const kept = new Map([...this.small.children].map((one) => [one.dataset.key, one]));
      const buttons = SIGHTS.map(([key, name]) => this.sightButton(kept.get(key), key, name, step, chosen));
      this.small.replaceChildren(...buttons);
    }

    /** Made once, so that a focus stays where it is. */
    sightButton(made, key, name, step, chosen) {
      const button =
        made ||
        node(
          "button",
          { type: "button", "data-key": key, onclick: () => this.chooseSight(key) },
          node("img", { alt: "", decoding: "async" }),
          node("span", {}, name),
        );
      const picture = button.querySelector("img");
      button.disabled = !step.files[key];
      button.setAttribute("aria-pressed", String(key === chosen));
      button.title = step.files[key] ? name : "The model did not look at the negative prompt in this step.";
      if (step.files[key]) picture.src = this.address(step.files[key]);
      else picture.removeAttribute("src");
      return button;
    }

    chooseSight(key) {
      this.sight = key;
      this.showSights(this.now.recorded[this.at]);
    }

    chooseKind(ofStep) {
      this.ofStep = ofStep;
      this.kinds.mark(ofStep ? "step" : "mean");
      this.drawHeat();
    }

    layWords() {
      const { words, sheet, problem } = this.now;
      const hint = sheet ? "Point at a word, or press it to keep it." : "There are no words in the prompt.";
      this.wordsLine.textContent = problem || hint;
      this.kinds.row.hidden = !sheet;
      this.chips.replaceChildren(...(sheet ? words.map((word, place) => this.wordButton(word, place)) : []));
      if (!sheet) return;
      const picture = new Image();
      picture.src = this.address(sheet.file);
      picture.decode().then(
        () => {
          this.sheet = picture;
          this.drawHeat();
        },
        () => (this.wordsLine.textContent = "The maps of the words could not be read."),
      );
    }

    wordButton(word, place) {
      const look = (at) => {
        this.word = at;
        this.drawHeat();
      };
      return node(
        "button",
        {
          type: "button",
          class: "inside-word",
          "aria-pressed": "false",
          onpointerenter: (event) => event.pointerType === "mouse" && look(place),
          onpointerleave: () => look(null),
          onfocus: () => look(place),
          onblur: () => look(null),
          onclick: () => this.pin(place),
        },
        word.text,
      );
    }

    pin(place) {
      this.pinned = this.pinned === place ? null : place;
      if (this.pinned === null) this.word = null;
      [...this.chips.children].forEach((one, at) => one.setAttribute("aria-pressed", String(at === this.pinned)));
      this.drawHeat();
    }

    /** The map of the word that is pointed at, or of the one that is kept, over the picture. */
    drawHeat() {
      const word = this.word ?? this.pinned;
      this.heat.hidden = word === null || !this.sheet;
      if (this.heat.hidden) return;
      const { width, height } = this.now.sheet;
      const row = this.ofStep ? this.at + 1 : 0;
      [this.heat.width, this.heat.height] = [width, height];
      const context = this.heat.getContext("2d", { willReadFrequently: true });
      context.drawImage(this.sheet, word * width, row * height, width, height, 0, 0, width, height);
      const cell = context.getImageData(0, 0, width, height);
      for (let place = 0; place < cell.data.length; place += 4) cell.data.set(tint(cell.data[place] / 255), place);
      context.putImageData(cell, 0, 0);
    }

    togglePlay() {
      if (this.playing) {
        this.stop();
        return;
      }
      this.play.textContent = "Stop";
      if (this.at === this.now.recorded.length - 1) this.moveTo(0);
      this.playing = setInterval(() => {
        if (this.at < this.now.recorded.length - 1) this.moveTo(this.at + 1);
        else this.stop();
      }, PLAY);
    }

    stop() {
      clearInterval(this.playing);
      this.playing = 0;
      this.play.textContent = "Play";
    }
  }

  window.atelier.inside.steps = (panel) => new Steps(panel);
})();
