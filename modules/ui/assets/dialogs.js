// Small questions before the page: a name, a yes, one of several.
(() => {
  const { element } = window.atelier;
  let last = 0;

  /**
   * Shows a dialog and waits until it is answered.
   * @param {string} title
   * @param {HTMLElement[]} parts
   * @param {(answer: (value: unknown) => void) => HTMLElement[]} buttons
   * @returns {Promise<unknown>} null where somebody left it
   */
  const asked = (title, parts, buttons) =>
    new Promise((resolve) => {
      const id = `question-${++last}`;
      let given = null;
      const answer = (value) => {
        given = value;
        dialog.close();
      };
      const cancel = element("button", "chip-button", { text: "Cancel", on: { click: () => dialog.close() } });
      const form = element("form", "question-form", { method: "dialog" }, element("h2", "", { text: title, id }), ...parts);
      form.append(element("div", "question-buttons", {}, cancel, ...buttons(answer)));
      const dialog = element("dialog", "question", { "aria-labelledby": id }, form);
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(given);
      });
      window.atelier.host().append(dialog);
      dialog.showModal();
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        form.querySelector(".question-yes")?.click();
      });
    });

  const yes = (label, act, look = "") =>
    element("button", `chip-button question-yes ${look}`, { text: label, on: { click: act } });

  /** @param {HTMLElement[]} parts what is to be agreed to @returns {Promise<boolean>} */
  const agreed = async (title, parts, label, look = "") =>
    (await asked(title, parts, (answer) => [yes(label, () => answer(true), look)])) === true;

  /** @returns {Promise<boolean>} */
  const sure = (title, text, label) => agreed(title, [element("p", "", { text })], label, "is-grave");

  /** @returns {Promise<string | null>} a text without spaces around it, which is not empty */
  const text = (title, label, { value = "", most = 200, action = "Save" } = {}) => {
    const input = element("input", "", { type: "text", maxlength: most, required: true, autocomplete: "off" });
    input.value = value;
    const field = element("label", "question-field", { text: label }, input);
    return asked(title, [field], (answer) => [
      yes(action, () => (input.value.trim() ? answer(input.value.trim()) : input.focus())),
    ]);
  };

  /**
   * One of several, or a new one.
   * @param {string} title
   * @param {{label: string, value: unknown}[]} choices
   */
  const oneOf = (title, choices) => {
    const list = element("div", "question-choices");
    return asked(title, [list], (answer) => {
      list.append(
        ...choices.map(({ label, value }) => element("button", "question-choice", { text: label, on: { click: () => answer(value) } })),
      );
      return [];
    });
  };

  window.atelier.ask = { sure, agreed, text, oneOf };
})();
