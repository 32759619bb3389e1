// Presets: all settings of a tab under a name. The server keeps them; this is their dialog.
(() => {
  const { element, iconButton, ask, toast } = window.atelier;
  const api = (path, more) => window.atelier.pictures.ask(`presets${path}`, more);
  const tried = (doing) => window.atelier.pictures.tried(doing);
  const PROMPTS = ["prompt", "negative_prompt", "styles", "hr_prompt", "hr_negative_prompt"];
  const SEEDS = ["seed", "subseed", "wildcard_seed"];
  const NOT_KEPT = ["source_pictures", "firstpass_image"];
  const MOST_BYTES = 4 * 2 ** 20;

  /** What a preset keeps of a form. @param {{prompts: boolean, seeds: boolean, model: boolean}} parts */
  const keptValues = (task, parts) => {
    const without = [
      ...NOT_KEPT,
      ...(parts.prompts ? [] : PROMPTS),
      ...(parts.seeds ? [] : SEEDS),
      ...(parts.model ? [] : ["model"]),
    ];
    const entries = Object.entries(window.atelier.form.values(task));
    return Object.fromEntries(
      entries.filter(([name, value]) => !without.includes(name) && value !== undefined && (typeof value !== "object" || Array.isArray(value) || value === null)),
    );
  };

  const file = (presets) => {
    const kept = presets.map(({ task, name, values }) => ({ task, name, values }));
    return new Blob([JSON.stringify({ presets: kept }, null, 2)], { type: "application/json" });
  };

  const save = (blob, name) => {
    const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const chooseFile = () =>
    new Promise((resolve) => {
      const chooser = element("input", "", { type: "file", accept: "application/json,.json" });
      chooser.addEventListener("change", () => resolve(chooser.files[0] || null));
      chooser.addEventListener("cancel", () => resolve(null));
      chooser.click();
    });

  const readFile = async (chosen) => {
    if (chosen.size > MOST_BYTES) throw new Error("The file is larger than 4 MB and holds no presets.");
    const content = await chosen.text();
    try {
      return JSON.parse(content);
    } catch {
      throw new Error("The file is no JSON. Choose one that was exported here.");
    }
  };

  /**
   * @param {string} task
   * @param {HTMLElement} opener
   * @param {(id: number) => void} apply
   */
  const open = (task, opener, apply) => {
    const list = element("ul", "preset-list", { "aria-label": "Presets of this tab" });
    const name = element("input", "", { type: "text", maxlength: 100, placeholder: "Name of a new preset", "aria-label": "Name of a new preset" });
    const tick = (text) => {
      const input = element("input", "", { type: "checkbox" });
      input.checked = true;
      return { input, label: element("label", "preset-part", {}, input, text) };
    };
    const parts = { prompts: tick("Prompts"), seeds: tick("Seed"), model: tick("Model") };
    let known = [];

    const changed = async (doing) => {
      await tried(async () => {
        await doing();
        await load();
      });
    };
    const rename = async (preset) => {
      const wanted = await ask.text("Rename the preset", "Name", { value: preset.name, most: 100, action: "Rename" });
      if (wanted && wanted !== preset.name) await changed(() => api(`/${preset.id}`, { method: "PATCH", body: { name: wanted } }));
    };
    const remove = async (preset) => {
      if (await ask.sure("Delete the preset?", preset.name, "Delete")) await changed(() => api(`/${preset.id}`, { method: "DELETE" }));
    };
    const setDefault = (preset) =>
      changed(() => api(`/${preset.id}`, { method: "PATCH", body: { is_default: !preset.is_default } }));

    const row = (preset) => {
      const use = element("button", "preset-use", {
        text: preset.name,
        title: "Use this preset",
        on: {
          click: () => {
            dialog.close();
            apply(preset.id);
          },
        },
      });
      const star = iconButton("star", "Begin with this preset in a new browser", () => setDefault(preset), "star-button");
      star.setAttribute("aria-pressed", String(preset.is_default));
      return element(
        "li",
        "preset",
        { "data-preset": preset.name },
        use,
        star,
        iconButton("pencil", "Rename", () => rename(preset)),
        iconButton("bin", "Delete", () => remove(preset)),
      );
    };

    const load = async () => {
      known = (await api("")).presets.filter((one) => one.task === task);
      const nothing = element("li", "preset-none", { text: "There are none yet. Set everything as you like it, and save it here." });
      list.replaceChildren(...(known.length ? known.map(row) : [nothing]));
      out.disabled = !known.length;
    };

    const keep = async () => {
      const called = name.value.trim();
      if (!called) return name.focus();
      const ticked = Object.fromEntries(Object.entries(parts).map(([part, { input }]) => [part, input.checked]));
      const body = { task, name: called, values: keptValues(task, ticked), replaces: false };
      const isKnown = known.some((one) => one.name === called);
      if (isKnown && !(await ask.sure("Replace the preset?", called, "Replace"))) return undefined;
      return changed(async () => {
        await api("", { method: "POST", body: { ...body, replaces: isKnown } });
        name.value = "";
        toast(`“${called}” is saved.`);
      });
    };
    const takeIn = async () => {
      const chosen = await chooseFile();
      if (chosen) await changed(async () => api("/import", { method: "POST", body: await readFile(chosen) }));
    };

    const out = element("button", "chip-button", {
      text: "Export",
      title: "All presets of this tab as a file",
      on: { click: () => save(file(known), `${task}-presets.json`) },
    });
    const saving = element(
      "form",
      "preset-saving",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            keep();
          },
        },
      },
      name,
      element("div", "preset-parts", {}, ...Object.values(parts).map(({ label }) => label)),
      element("button", "chip-button preset-save", { text: "Save", on: { click: () => keep() } }),
    );
    const dialog = element(
      "dialog",
      "question presets",
      { "aria-labelledby": "presets-title" },
      element("h2", "", { id: "presets-title", text: `Presets of ${task}` }),
      list,
      saving,
      element(
        "div",
        "question-buttons",
        {},
        element("button", "chip-button", { text: "Import", on: { click: takeIn } }),
        out,
        element("button", "chip-button", { text: "Close", on: { click: () => dialog.close() } }),
      ),
    );
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      opener.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    return tried(load);
  };

  window.atelier.presets = { open };
})();
