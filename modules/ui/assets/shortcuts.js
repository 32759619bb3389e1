// The list of all keys, in which each can be given others, and what this browser chose for prompts.
(() => {
  const { keyboard } = window.atelier;
  const NAMES = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", PageUp: "Page Up", PageDown: "Page Down" };
  const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
  const FIXED = [
    ["Larger or smaller brush", "On the canvas", ["]", "["]],
    ["Undo and redo", "On the canvas", ["Ctrl+Z", "Ctrl+Shift+Z"]],
    ["Zoom, also with the wheel or two fingers", "On the canvas", ["+", "-"]],
    ["The whole picture", "On the canvas", ["0"]],
    ["Move the picture while held", "On the canvas", ["Space"]],
    ["Full screen", "On the canvas", ["F"]],
  ];
  let dialog = null;
  let awaited = null;
  let before = null;

  /** @param {string} tag @param {Object<string, any>} given @param {...(Node | string)} inside */
  const make = (tag, given = {}, ...inside) => {
    const made = Object.assign(document.createElement(tag), given);
    made.append(...inside);
    return made;
  };

  /** @param {string} keys */
  const chips = (keys) =>
    keys.split(/\+(?=.)/).map((part) => make("kbd", {}, NAMES[part] || (part === "Ctrl" && IS_MAC ? "⌘" : part)));
  const keyList = (many) => {
    const cell = make("span", { className: "shortcut-keys" });
    for (const keys of many) cell.append(make("span", { className: "shortcut-chord" }, ...chips(keys)));
    if (!many.length) cell.append(make("span", { className: "shortcut-none" }, "No key"));
    return cell;
  };

  const say = (sentence, ...more) => dialog.querySelector(".shortcut-told").replaceChildren(sentence, ...more);
  const stopWaiting = () => (awaited = null);

  const give = (action, keys) => {
    keyboard.assign(action.name, [keys]);
    stopWaiting();
    paint();
    dialog.querySelector(`[data-action="${action.name}"] button`)?.focus();
    say("Kept in this browser.");
  };

  /** What was pressed for an action that waits for its new keys. */
  const take = (event) => {
    if (!awaited || event.key === "Tab") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const keys = keyboard.keysOf(event);
    if (!keys) return;
    const action = awaited;
    if (keys === "Escape" && !action.keys.includes("Escape")) {
      stopWaiting();
      paint();
      say("Nothing was changed.");
      return;
    }
    const other = keyboard.actionOf(keys);
    if (!other || other === action) {
      give(action, keys);
      return;
    }
    const instead = make("button", { type: "button", className: "shortcut-button" }, "Use them here instead");
    instead.addEventListener("click", () => {
      keyboard.assign(
        other.name,
        keyboard.keysFor(other.name).filter((one) => one !== keys),
      );
      give(action, keys);
    });
    stopWaiting();
    paint();
    say(`These keys are taken: ${other.label}.`, instead);
    instead.focus();
  };

  const button = (label, title, run) => {
    const made = make("button", { type: "button", className: "shortcut-button", title }, label);
    made.setAttribute("aria-label", title);
    made.addEventListener("click", run);
    return made;
  };

  const actionRow = (action) => {
    const row = make("li", { className: "shortcut-row" }, make("span", { className: "shortcut-label" }, action.label));
    row.dataset.action = action.name;
    if (awaited === action)
      row.append(make("span", { className: "shortcut-awaited", role: "status" }, "Press the new keys"));
    else row.append(keyList(keyboard.keysFor(action.name)));
    if (keyboard.isChanged(action.name))
      row.append(
        button("Reset", `Reset the keys of: ${action.label}`, () => {
          keyboard.assign(action.name, null);
          paint();
          say("As it was at first.");
        }),
      );
    row.append(
      button("Change", `Change the keys of: ${action.label}`, () => {
        awaited = action;
        paint();
        dialog.querySelector(`[data-action="${action.name}"] button:last-child`).focus();
        say("");
      }),
    );
    return row;
  };
  const fixedRow = ([label, , keys]) =>
    make("li", { className: "shortcut-row" }, make("span", { className: "shortcut-label" }, label), keyList(keys));

  const numberRow = (label, name) => {
    const field = make("input", {
      type: "number",
      min: "0.01",
      max: "1",
      step: "0.01",
      value: String(keyboard.choice(name)),
    });
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (value >= 0.01 && value <= 1) keyboard.choose(name, value);
      else field.value = String(keyboard.choice(name));
    });
    return make("label", { className: "shortcut-row" }, make("span", { className: "shortcut-label" }, label), field);
  };
  const switchRow = (label, name) => {
    const field = make("input", { type: "checkbox", checked: keyboard.choice(name) });
    field.addEventListener("change", () => keyboard.choose(name, field.checked));
    return make("label", { className: "shortcut-row" }, make("span", { className: "shortcut-label" }, label), field);
  };

  const section = (title, list) => make("section", {}, make("h3", {}, title), list);
  const paint = () => {
    const groups = new Map();
    for (const action of keyboard.actions())
      groups.set(action.group, [...(groups.get(action.group) || []), actionRow(action)]);
    for (const row of FIXED) groups.set(row[1], [...(groups.get(row[1]) || []), fixedRow(row)]);
    const sections = [...groups].map(([title, rows]) => section(title, make("ul", {}, ...rows)));
    const choices = make(
      "div",
      {},
      numberRow("Step of a weight", "weightStep"),
      numberRow("Step of a LoRA", "networkStep"),
    );
    choices.append(
      switchRow("Suggest words while typing", "suggests"),
      switchRow("Write tags with spaces for _", "spaces"),
    );
    dialog.querySelector(".shortcut-body").replaceChildren(section("Prompts in this browser", choices), ...sections);
  };

  const build = () => {
    const close = button("Close", "Close this list", () => dialog.close());
    const reset = button("Reset all", "Reset all keys and choices", () => {
      keyboard.reset();
      stopWaiting();
      paint();
      say("Everything is as it was at first.");
    });
    const head = make("header", {}, make("h2", { id: "shortcuts-title" }, "Keys"), reset, close);
    const told = make("p", { className: "shortcut-told", role: "status" });
    dialog = make("dialog", { id: "shortcuts" }, head, told, make("div", { className: "shortcut-body" }));
    dialog.setAttribute("aria-labelledby", "shortcuts-title");
    dialog.addEventListener("keydown", take, true);
    dialog.addEventListener("close", () => {
      stopWaiting();
      before?.focus();
    });
    dialog.addEventListener("cancel", (event) => awaited && event.preventDefault());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
  };

  window.atelier.shortcuts = {
    /** Opens the list of keys. */
    show() {
      if (!dialog) build();
      if (dialog.open) return;
      before = document.activeElement;
      dialog.classList.toggle("for-fingers", window.atelier.isForFingers());
      say("");
      paint();
      dialog.showModal();
    },
  };
})();
