// What keys do: a table of actions, each with its keys, which every browser may change. Other scripts add theirs.
(() => {
  const MEMORY = "atelier-keyboard";
  const MODIFIERS = ["Control", "Shift", "Alt", "Meta"];
  const USUAL = { weightStep: 0.1, networkStep: 0.05, suggests: true, spaces: true };

  /**
   * @typedef {object} Action
   * @property {string} name by which what somebody chose is kept
   * @property {string} label what it does, in a few words
   * @property {string} group where the list shows it
   * @property {string[]} keys as they are at first, such as "Ctrl+Enter"
   * @property {(event: KeyboardEvent) => boolean | void} run false where there was nothing to do
   */

  /** @type {Map<string, Action>} */
  const actions = new Map();
  const kept = (() => {
    try {
      const read = JSON.parse(localStorage.getItem(MEMORY));
      return { keys: read?.keys || {}, choices: read?.choices || {} };
    } catch {
      return { keys: {}, choices: {} };
    }
  })();
  const keep = () => {
    try {
      localStorage.setItem(MEMORY, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing works with what is chosen until it is closed.
    }
  };

  /** The name of the keys of an event, such as "Ctrl+ArrowUp"; "" while only modifiers are down. */
  const keysOf = (event) => {
    if (!event.key || MODIFIERS.includes(event.key)) return "";
    const digit = /^Digit(\d)$/.exec(event.code || "");
    // With Alt a digit or a letter may write another sign, as it does on a Mac.
    const own =
      event.altKey && (digit || /^Key[A-Z]$/.test(event.code || ""))
        ? event.code.replace(/^(Digit|Key)/, "")
        : event.key;
    const sign = own === " " ? "Space" : own.length === 1 ? own.toUpperCase() : own;
    const isWritten = own.length === 1 && !/[a-z0-9]/i.test(own);
    const parts = [];
    if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
    if (event.altKey) parts.push("Alt");
    if (event.shiftKey && !isWritten) parts.push("Shift");
    return [...parts, sign].join("+");
  };

  const keysFor = (name) => kept.keys[name] || actions.get(name)?.keys || [];
  const actionOf = (keys) => [...actions.values()].find((action) => keysFor(action.name).includes(keys));

  const isTyping = (target) =>
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
      (target.tagName === "INPUT" && !/^(button|checkbox|radio|range|color|file|submit)$/.test(target.type)));

  /** Whether keys mean what somebody writes: a sign without Ctrl or Alt, in a field. */
  const writes = (event, keys) =>
    isTyping(event.target) && !/^(Ctrl|Alt)\+/.test(keys) && !/^(Escape|F\d+)$/.test(keys);

  const opened = () => document.querySelector("dialog[open], [data-closes-on-escape='yes']");
  // An open list or a picture on the full screen closes on Escape; that must not cost a job.
  const closesSomething = () =>
    document.fullscreenElement ||
    opened() ||
    document.activeElement?.getAttribute("aria-expanded") === "true" ||
    document.activeElement?.hasAttribute("aria-activedescendant");

  document.addEventListener(
    "keydown",
    (event) => {
      const keys = event.isComposing ? "" : keysOf(event);
      const action = keys && actionOf(keys);
      if (!action || writes(event, keys)) return;
      if (keys === "Escape" ? closesSomething() : opened()?.matches("dialog")) return;
      if (action.run(event) !== false) event.preventDefault();
    },
    true,
  );

  // Of the tab that is looked at.
  const press = (look) => {
    const button = [...document.querySelectorAll(`button.${look}`)].find(
      (one) => !one.disabled && one.offsetParent !== null,
    );
    button?.click();
    return Boolean(button);
  };
  const onPrompt = (change) => (event) => {
    const { promptBox, applyEdit } = window.atelier.promptKeys;
    const box = promptBox(event.target);
    if (!box) return false;
    applyEdit(box, change(box.value, box.selectionStart, box.selectionEnd));
  };
  const weigh = (direction) =>
    onPrompt((text, start, end) => {
      const steps = { weight: keyboard.choice("weightStep"), network: keyboard.choice("networkStep") };
      return window.atelier.promptKeys.weighted(text, start, end, direction, steps);
    });
  const move = (direction) =>
    onPrompt((text, start, end) => window.atelier.promptKeys.moved(text, start, end, direction));

  /** The buttons of the tabs in their order; those without room stand in a menu. */
  const tabButtons = () => {
    const shown = [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")].filter(
      (one) => one.offsetParent !== null,
    );
    return [...shown, ...document.querySelectorAll("#tabs > .tab-wrapper .overflow-dropdown button")];
  };
  const openTab = (place) => () => {
    const button = tabButtons()[place];
    button?.click();
    return Boolean(button);
  };
  const isChosen = (button) => button.getAttribute("aria-selected") === "true" || button.classList.contains("selected");
  /** The tab so many places further; behind the last one comes the first. */
  const turnTab = (steps) => () => {
    const buttons = tabButtons();
    const now = buttons.findIndex(isChosen);
    if (now < 0) return false;
    buttons[(now + steps + buttons.length) % buttons.length].click();
  };
  const focusSearch = () => {
    const fields = [...document.querySelectorAll("#tabs :is(input[type=search], [id$=search] :is(input, textarea))")];
    const field = fields.find((one) => one.offsetParent !== null);
    field?.focus();
    field?.select();
    return Boolean(field);
  };

  const keyboard = {
    /** @param {Action} action */
    register: (action) => actions.set(action.name, action),
    actions: () => [...actions.values()],
    keysOf,
    keysFor,
    /** The action that keys belong to, if any. @param {string} keys @returns {Action | undefined} */
    actionOf,
    /** @param {string} name @param {string[] | null} keys null: as they were at first */
    assign(name, keys) {
      if (keys) kept.keys[name] = keys;
      else delete kept.keys[name];
      keep();
    },
    isChanged: (name) => name in kept.keys,
    reset() {
      kept.keys = {};
      kept.choices = {};
      keep();
    },
    /** What this browser chose: weightStep, networkStep, suggests, spaces. @param {keyof USUAL} name */
    choice: (name) => kept.choices[name] ?? USUAL[name],
    /** @param {keyof USUAL} name @param {number | boolean} value */
    choose(name, value) {
      kept.choices[name] = value;
      keep();
    },
  };
  window.atelier = Object.assign(window.atelier || {}, { keyboard });

  const [jobs, prompt, page] = ["Pictures", "In a prompt", "The page"];
  /** @type {[string, string, string, string[], (event: KeyboardEvent) => boolean | void][]} */
  const rows = [
    ["generate", "Generate", jobs, ["Ctrl+Enter", "Alt+Enter"], () => press("generate")],
    ["interrupt", "Interrupt", jobs, ["Escape"], () => press("interrupt")],
    ["heavier", "More weight on the word or the selection", prompt, ["Ctrl+ArrowUp"], weigh(1)],
    ["lighter", "Less weight on the word or the selection", prompt, ["Ctrl+ArrowDown"], weigh(-1)],
    ["move-left", "Move to the left, past a comma", prompt, ["Alt+ArrowLeft"], move(-1)],
    ["move-right", "Move to the right, past a comma", prompt, ["Alt+ArrowRight"], move(1)],
    ["search", "Go to the search of the tab", page, ["/"], focusSearch],
    ["shortcuts", "Show this list", page, ["?"], () => window.atelier.shortcuts.show()],
    ["next-tab", "Open the next tab", page, ["Alt+PageDown"], turnTab(1)],
    ["previous-tab", "Open the previous tab", page, ["Alt+PageUp"], turnTab(-1)],
    ...Array.from({ length: 10 }, (_, place) => [
      `tab-${place + 1}`,
      `Open tab ${place + 1}`,
      page,
      [`Alt+${(place + 1) % 10}`],
      openTab(place),
    ]),
  ];
  for (const [name, label, group, keys, run] of rows) keyboard.register({ name, label, group, keys, run });
})();
