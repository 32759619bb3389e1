// How a picture was made, in a form that people read: words, a table, what could not be followed, the text itself.
(() => {
  const { element, icon } = window.atelier;

  const copyButton = (label, text) =>
    element("button", "copy-button", { text: "Copy", "aria-label": label, on: { click: () => window.atelier.pictures.copy(text) } });

  const words = (title, text, name) =>
    element(
      "section",
      "told-words",
      {},
      element("div", "told-head", {}, element("h3", "", { text: title }), copyButton(`Copy: ${title}`, text)),
      element("p", `told-text ${name}`, { text, translate: "no" }),
    );

  const table = (rows) => {
    const list = element("dl", "told-table");
    for (const { name, value } of rows) {
      list.append(element("div", "", {}, element("dt", "", { text: name }), element("dd", "", { text: value })));
    }
    return list;
  };

  const refusals = (sentences) =>
    element(
      "section",
      "told-refused",
      {},
      element("h3", "", { text: "Could not be honoured, and is left out" }),
      element("ul", "", {}, ...sentences.map((text) => element("li", "", { text }))),
    );

  const raw = (infotext, name) => {
    const text = element("textarea", "", { readonly: true, rows: 6, "aria-label": "The text as the file holds it" });
    text.value = infotext;
    return element(
      "details",
      "told-raw",
      { id: `${name}-parameters` },
      element("summary", "", { text: "As written in the file" }),
      text,
      copyButton("Copy the text as the file holds it", infotext),
    );
  };

  /**
   * The readable form.
   * @param {{prompt?: string, negative_prompt?: string, parameters?: {name: string, value: string}[],
   *   not_honoured?: string[], infotext?: string, origin?: string}} told
   * @param {string} name starts the ids of its parts
   * @returns {HTMLElement}
   */
  const parametersView = (told, name) => {
    const view = element("div", "told");
    if (told.origin) view.append(element("p", "told-origin", { text: `Made with ${told.origin}` }));
    if (told.prompt) view.append(words("Prompt", told.prompt, "told-prompt"));
    if (told.negative_prompt) view.append(words("Negative prompt", told.negative_prompt, "told-negative"));
    if (told.parameters?.length) view.append(table(told.parameters));
    if (told.not_honoured?.length) view.append(refusals(told.not_honoured));
    if (told.infotext) view.append(raw(told.infotext, name));
    else view.append(element("p", "told-nothing", { text: "Nothing says how this picture was made." }));
    return view;
  };

  const toolButton = (text, id, act) =>
    element("button", "chip-button", { text, id, on: { click: act } });

  const toolRow = (title, rows, name, act) =>
    element(
      "div",
      "chip-row",
      { role: "group", "aria-label": title },
      element("span", "chip-title", { text: title }),
      ...rows.map(([key, label]) => toolButton(label, `${name}-${key}`, () => act(key))),
    );

  /**
   * What the forms and the queue can do with a picture, as buttons.
   * @param {string} name starts the ids of the buttons
   * @param {() => {id: number, infotext: string} | null} shown
   * @param {() => void} leave is called before another tab comes to the front
   */
  const carryingTools = (name, shown, leave = () => undefined) => {
    const { actions, send, remix } = window.atelier.pictures;
    const carry = (place) => {
      const { id } = shown();
      leave();
      send(id, place);
    };
    const use = element(
      "button",
      "use-button told-only",
      { id: `${name}-send`, on: { click: () => carry("parameters") } },
      icon("restore"),
      element("span", "", { text: "Use these parameters" }),
    );
    const remixes = actions.remixes.map(([title, rows]) => toolRow(title, rows, name, (key) => remix(shown().id, key)));
    for (const row of remixes) row.classList.add("told-only");
    const more = window.atelier.resultActions(name, shown, leave);
    return [toolRow("Send to", actions.sending, `${name}-to`, carry), ...remixes, more, use];
  };

  window.atelier.parametersView = parametersView;
  window.atelier.carryingTools = carryingTools;
})();
