// What is looked for in the gallery: words while they are typed, and lists of what there is, with how many there are.
(() => {
  const { element, icon, pictures } = window.atelier;
  const WAIT = 220;
  const DAY = 86_400;
  const ORDERS = { newest: "Newest first", oldest: "Oldest first", rating: "Best rated first" };
  const LISTS = { model: ["models", "Model"], lora: ["loras", "LoRA"], sampler: ["samplers", "Sampler"], origin: ["origins", "Made with"] };
  const ORIGINS = { here: "This program", unknown: "Not known" };
  const counted = (name, count) => `${name} (${count.toLocaleString("en")})`;

  /** The moment at which a day of a date field begins, where the person is. */
  const dayBegin = (text) => (text ? new Date(`${text}T00:00:00`).getTime() / 1000 : "");

  class Filters {
    /**
     * @param {HTMLElement} bar @param {HTMLElement} panel
     * @param {{changed: () => void, resized: (side: number) => void}} told
     */
    constructor(bar, panel, told) {
      Object.assign(this, { bar, panel, told, values: {}, order: "newest", fields: {} });
      this.buildBar();
      this.buildPanel();
    }

    buildBar() {
      this.words = element("input", "gallery-words", {
        type: "search",
        placeholder: "Search: words, \"a phrase\", -without",
        "aria-label": "Search the pictures",
        autocomplete: "off",
        spellcheck: "false",
        on: { input: () => this.later("words", this.words.value.trim()) },
      });
      this.orders = this.select("Order", Object.entries(ORDERS), (value) => {
        this.order = value;
        this.told.changed();
      });
      this.size = element("input", "gallery-size", { type: "range", min: 92, max: 320, step: 4, "aria-label": "Size of the thumbnails" });
      this.size.addEventListener("input", () => this.told.resized(Number(this.size.value)));
      this.button = element("button", "chip-button gallery-filter-button", { "aria-expanded": "false", on: { click: () => this.open(this.panel.hidden) } }, icon("filter"), element("span", "", { text: "Filters" }), (this.badge = element("span", "gallery-badge", { hidden: true })));
      this.bar.append(this.words, this.button, this.orders, this.size);
    }

    select(label, rows, act) {
      const options = rows.map(([value, text]) => element("option", "", { value, text }));
      const select = element("select", "gallery-select", { "aria-label": label }, ...options);
      select.addEventListener("change", () => act(select.value));
      return select;
    }

    buildPanel() {
      for (const [name, [, label]] of Object.entries(LISTS)) this.fields[name] = this.select(label, [["", label]], (value) => this.set(name, value));
      this.fields.size = this.select("Size", [["", "Size"]], (value) => this.set("size", value));
      const ratings = [["", "Rating"], ...[1, 2, 3, 4].map((stars) => [stars, `${"★".repeat(stars)} and more`]), [5, "★★★★★"]];
      this.fields.rating = this.select("Rating", ratings, (value) => this.set("rating", value));
      this.fields.seed = this.typed("seed", { inputmode: "numeric", placeholder: "Seed", "aria-label": "Seed", maxlength: 20 });
      this.fields.negative = this.typed("negative", { placeholder: "Negative prompt", "aria-label": "Words of the negative prompt", maxlength: 200 });
      this.fields.from = this.date("from", "From");
      this.fields.to = this.date("to", "To");
      const labels = ["from", "to"].map((name) => element("label", "gallery-date", { text: name === "from" ? "From" : "To" }, this.fields[name]));
      const { from, to, ...others } = this.fields;
      this.clear = element("button", "chip-button", { text: "Clear all filters", on: { click: () => this.reset() } });
      this.panel.append(...Object.values(others), ...labels, this.clear);
    }

    typed(name, attributes) {
      const input = element("input", "gallery-field", { type: "text", autocomplete: "off", ...attributes });
      input.addEventListener("input", () => this.later(name, input.value.trim()));
      return input;
    }

    date(name, label) {
      const input = element("input", "gallery-field", { type: "date", "aria-label": label });
      input.addEventListener("change", () => this.set(name, input.value));
      return input;
    }

    later(name, value) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.set(name, value), WAIT);
    }

    set(name, value) {
      if ((this.values[name] || "") === value) return;
      this.values = { ...this.values, [name]: value };
      this.told.changed();
    }

    /** Nothing is looked for any more but what the view shows. */
    reset() {
      this.take({ values: {}, order: this.order });
      this.told.changed();
    }

    /** @param {{values: Record<string, string>, order: string}} kept */
    take({ values, order }) {
      this.values = { ...values };
      this.order = order in ORDERS ? order : "newest";
      this.orders.value = this.order;
      this.words.value = this.values.words || "";
      for (const [name, field] of Object.entries(this.fields)) this.put(field, this.values[name] || "");
      this.count();
    }

    put(field, value) {
      const isOption = field.tagName === "SELECT" && ![...field.options].some((one) => one.value === String(value));
      if (isOption) field.append(element("option", "", { value, text: value }));
      field.value = value;
    }

    count() {
      const number = Object.keys(this.fields).filter((name) => this.values[name]).length;
      this.badge.hidden = number === 0;
      this.badge.textContent = String(number);
      this.clear.disabled = number === 0 && !this.values.words;
    }

    isNarrowed() {
      return Object.values(this.values).some(Boolean);
    }

    /** What the API is asked with. */
    asked() {
      const { size = "", from, to, seed = "", ...others } = this.values;
      const [width = "", height = ""] = size.split("x");
      this.count();
      return {
        ...others,
        seed: /^\d{1,20}$/.test(seed) ? seed : "",
        width,
        height,
        since: dayBegin(from),
        until: to ? dayBegin(to) + DAY : "",
        order: this.order === "newest" ? "" : this.order,
      };
    }

    open(isWanted) {
      this.panel.hidden = !isWanted;
      this.button.setAttribute("aria-expanded", String(isWanted));
      if (isWanted) this.offer(this.last);
      this.told.opened?.();
    }

    /**
     * Says what there is to choose from; only while somebody can see it.
     * @param {Record<string, unknown>} filters
     */
    async offer(filters) {
      this.last = filters;
      if (this.panel.hidden || !filters) return;
      const facets = await pictures.tried(() => pictures.ask(`pictures/facets?${pictures.asked(filters)}`));
      if (!facets || this.last !== filters) return;
      for (const [name, [kind, label]] of Object.entries(LISTS)) this.list(name, label, facets[kind].map((one) => [one.name, counted(ORIGINS[one.name] || one.name, one.count)]));
      this.list("size", "Size", facets.sizes.map((one) => [`${one.width}x${one.height}`, counted(`${one.width} x ${one.height}`, one.count)]));
    }

    list(name, label, rows) {
      const field = this.fields[name];
      const options = [["", label], ...rows].map(([value, text]) => element("option", "", { value, text }));
      field.replaceChildren(...options);
      this.put(field, this.values[name] || "");
    }
  }

  window.atelier.Filters = Filters;
})();
