// Buttons that extensions add to finished pictures: the server tells which there are, and does what one is for.
(() => {
  const { element, pictures, toast } = window.atelier;
  /** @type {Promise<object[]> | null} */
  let asked = null;
  /** What was given last, by the button: who presses it again wants the same or nearly so. */
  const given = new Map();

  const known = () =>
    (asked ??= pictures
      .ask("result-actions")
      .then((answer) => answer.actions)
      .catch(() => {
        asked = null; // whoever looks next asks again
        return [];
      }));

  const numberField = ({ minimum, maximum }, value) => {
    const input = element("input", "", { type: "number", min: minimum, max: maximum, step: "any", required: true });
    input.value = value;
    return { part: input, read: () => (input.value === "" ? null : Number(input.value)) };
  };

  const textField = (row, value) => {
    const input = element("input", "", { type: "text", autocomplete: "off" });
    input.value = value;
    return { part: input, read: () => input.value };
  };

  const colourField = (row, value) => {
    const input = element("input", "", { type: "color" });
    input.value = value;
    return { part: input, read: () => input.value };
  };

  const switchField = (row, value) => {
    const input = element("input", "", { type: "checkbox" });
    input.checked = value;
    return { part: input, read: () => input.checked };
  };

  const choiceField = ({ choices }, value) => {
    const options = (choices || []).map((text) => element("option", "", { text, value: text }));
    const select = element("select", "", {}, ...options);
    select.value = value;
    return { part: select, read: () => select.value };
  };

  const severalField = ({ choices }, value) => {
    const boxes = (choices || []).map((text) => {
      const box = element("input", "", { type: "checkbox", value: text });
      box.checked = value.includes(text);
      return [box, element("label", "question-tick", {}, box, element("span", "", { text }))];
    });
    const part = element("span", "question-ticks", {}, ...boxes.map(([, label]) => label));
    return { part, read: () => boxes.filter(([box]) => box.checked).map(([box]) => box.value) };
  };

  const pictureField = () => {
    const input = element("input", "", { type: "file", accept: "image/*" });
    const send = async () => {
      const [file] = input.files;
      if (!file) return "";
      const answer = await fetch("api/v1/inputs", { method: "POST", body: file });
      const told = await answer.json().catch(() => null);
      if (!answer.ok) throw new Error(told?.detail || `The server answered with ${answer.status}.`);
      return told.id;
    };
    return { part: input, read: send };
  };

  const FIELDS = {
    text: textField,
    number: numberField,
    switch: switchField,
    choice: choiceField,
    choices: severalField,
    colour: colourField,
    picture: pictureField,
  };

  /** One argument with its name and what it is for; `several` cannot be one label. */
  const field = (row, value) => {
    const { part, read } = FIELDS[row.kind](row, value);
    const words = [element("span", "", { text: row.label })];
    if (row.help) words.push(element("small", "", { text: row.help }));
    const kind = row.kind === "choices" ? "fieldset" : "label";
    const shown = element(kind, `question-field is-${row.kind}`, { "data-argument": row.name }, ...words, part);
    return { shown, read };
  };

  /** What a person gives a button; null where they left it. */
  const askFor = async (action, key) => {
    if (!action.arguments.length) return {};
    const before = given.get(key) || {};
    const fields = action.arguments.map((row) => [row, field(row, row.kind === "picture" ? "" : before[row.name] ?? row.default)]);
    const parts = action.help ? [element("p", "", { text: action.help })] : [];
    parts.push(...fields.map(([, one]) => one.shown));
    if (!(await window.atelier.ask.agreed(action.label, parts, action.label))) return null;
    const values = {};
    for (const [row, one] of fields) values[row.name] = await one.read();
    given.set(key, values);
    return values;
  };

  const tell = (action, { message, jobs, pictures: made, form, problem }) => {
    if (message) toast(message);
    else if (made.length) toast(made.length === 1 ? "1 picture is saved." : `${made.length.toLocaleString("en")} pictures are saved.`);
    else if (jobs.length) toast(`${action.label} is queued.`);
    else if (!form) toast("Done.");
    if (problem) toast(problem, { problem: true });
  };

  const press = async (button, action, { id }, leave) => {
    const key = `${action.extension}/${action.name}`;
    const values = await pictures.tried(() => askFor(action, key));
    if (!values) return;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    const place = `pictures/${id}/actions/${encodeURIComponent(action.extension)}/${encodeURIComponent(action.name)}`;
    const told = await pictures.tried(() => pictures.ask(place, { method: "POST", body: { arguments: values } }));
    button.disabled = false;
    button.removeAttribute("aria-busy");
    if (!told) return;
    if (told.pictures.length) await window.atelier.results.show(told.pictures.at(-1).id);
    if (told.form) {
      leave();
      window.atelier.useRequest(told.form);
    }
    tell(action, told);
  };

  const buttonOf = (action, name, shown, leave) => {
    const needs = action.needs_parameters ? " told-only" : "";
    const button = element("button", `chip-button result-action${needs}`, {
      id: `${name}-${action.extension}-${action.name}`,
      title: action.help,
      on: { click: () => press(button, action, shown(), leave) },
    });
    if (action.icon) button.append(element("span", "result-icon", { text: action.icon, "aria-hidden": "true", translate: "no" }));
    button.append(element("span", "", { text: action.label }));
    if (action.arguments.length) button.append(" …");
    return button;
  };

  /**
   * The row of these buttons, which is hidden where there is none.
   * @param {string} name starts the ids of the buttons
   * @param {() => {id: number}} shown
   * @param {() => void} leave is called before a form comes to the front
   * @returns {HTMLElement}
   */
  const resultActions = (name, shown, leave) => {
    const title = element("span", "chip-title", { text: "More" });
    const row = element("div", "chip-row result-actions", { role: "group", "aria-label": "More", hidden: true }, title);
    known().then((actions) => {
      row.append(...actions.map((action) => buttonOf(action, name, shown, leave)));
      row.classList.toggle("told-only", actions.every((action) => action.needs_parameters));
      row.hidden = !actions.length;
    });
    return row;
  };

  window.atelier.resultActions = resultActions;
})();
