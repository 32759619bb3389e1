// What a browser keeps of the forms, and what closed groups hold. Gradio could tell of each control by an event of its
// own, but looks through all events for each component of a page that is opened; and an event that reads a whole form
// takes a while, so it is read once somebody's hands rest.
(() => {
  const REST = 200;
  /** How long after a touch a form is read at the latest, for whoever never rests. */
  const PATIENCE = 1000;
  /** How long the server is waited for that was asked to fill something in. */
  const LONGEST_FILLING = 60000;
  const forms = {};
  const waiting = new Map();
  let fillings = 0;
  let fillingUntil = 0;

  const press = (name) => document.getElementById(name)?.click();

  const keep = (task) => {
    const { timer } = waiting.get(task) || {};
    clearTimeout(timer);
    waiting.delete(task);
    press(`keep-${task}`);
  };

  const keepIn = (rest, task, since) => waiting.set(task, { since, timer: setTimeout(keepAtRest, rest, task) });

  /** What the server is filling in would be taken for typed, and could not be taken back. */
  const keepAtRest = (task) => {
    if (fillings && Date.now() < fillingUntil) keepIn(REST, task, Date.now());
    else keep(task);
  };

  const touched = (task) => {
    const { timer, since } = waiting.get(task) || { since: Date.now() };
    clearTimeout(timer);
    keepIn(Math.max(0, Math.min(REST, since + PATIENCE - Date.now())), task, since);
  };

  // What is closed must not hide that it changes the picture; an emptied field is as it was at first.
  const mark = ({ atFirst, values }) => {
    for (const [place, usual] of Object.entries(atFirst)) {
      const isChanged = (name) =>
        values[name] !== null && values[name] !== "" && String(values[name]) !== String(usual[name]);
      const count = Object.keys(usual).filter(isChanged).length;
      const title = document.querySelector(`#${place} > button > span`);
      if (count) title?.setAttribute("data-changed", `${count} changed`);
      else title?.removeAttribute("data-changed");
    }
  };

  const isOn = (told, values) => Boolean(values[told.only_with]);

  const tell = ({ told }, before, values) => {
    for (const one of told) {
      const isChanged = one.names.some((name) => String(before[name]) !== String(values[name]));
      if (isChanged && (isOn(one, before) || isOn(one, values))) press(one.button);
    }
  };

  Object.assign(window.atelier, {
    /**
     * @param {string} task
     * @param {string[]} names of the values that `readForm` is given, in their order
     * @param {Object<string, Object<string, any>>} atFirst by the ids of closed groups: the values of their fields
     * @param {{button: string, names: string[], only_with: string}[]} told which button to press when which values
     *   are others, as long as one of them is on
     */
    describeForm(task, names, atFirst, told) {
      forms[task] = { names, atFirst, told, values: {} };
    },

    /** Values by name, in the order of `describeForm`. */
    readForm(task, values) {
      const form = forms[task];
      const before = form.values;
      form.values = Object.fromEntries(form.names.map((name, place) => [name, values[place]]));
      mark(form);
      tell(form, before, form.values);
      const { isFilled = false } = form;
      form.isFilled = false;
      document.dispatchEvent(new CustomEvent("atelier-form", { detail: { task, values: form.values, before, isFilled } }));
      // Of a canvas only which pictures it shows: what is painted over them it keeps itself.
      const canvas = form.values.source_pictures;
      if (!canvas?.pictures) return form.values;
      const pictures = canvas.pictures.map((picture) => picture.id);
      return { ...form.values, source_pictures: { pictures, mask: canvas.mask_picture?.id || null } };
    },

    /** The server is asked for something that it will fill in; what was typed before is told from it. */
    formsFilling() {
      [...waiting.keys()].forEach(keep);
      if (Date.now() >= fillingUntil) fillings = 0;
      fillings += 1;
      fillingUntil = Date.now() + LONGEST_FILLING;
    },

    /** That is over, whether it went well or not. */
    formsFilled() {
      fillings = Math.max(0, fillings - 1);
      window.atelier.formsChanged();
    },

    /** The forms were changed by something else than a hand. */
    formsChanged() {
      for (const task of Object.keys(forms)) {
        forms[task].isFilled = true;
        touched(task);
      }
    },

    /** A form was changed by a part of the page. @param {string} task */
    formTouched(task) {
      if (forms[task]) touched(task);
    },
  });

  // Open lists of gradio's close on any click that reaches the window; nobody made this one.
  document.addEventListener("click", (event) => event.target.closest?.(".keep") && event.stopPropagation());

  const notice = (event) => {
    const from = event.target instanceof Element ? event.target : null;
    if (!from || from.closest(".keep")) return;
    const tasks = Object.keys(forms);
    const shown = tasks.find((task) => from.closest(`#${task}-tab`));
    for (const task of shown ? [shown] : tasks) {
      // What was typed just now is to be told from what a button fills in.
      if (event.type === "click" && waiting.has(task)) keep(task);
      touched(task);
    }
    if (from.closest("[role=tab]")) setTimeout(() => tasks.forEach((task) => mark(forms[task])));
  };
  for (const kind of ["input", "change", "click", "keyup", "focusout", "drop"])
    document.addEventListener(kind, notice, true);
  // Whoever leaves before that loses nothing.
  window.addEventListener("pagehide", () => [...waiting.keys()].forEach(keep));
})();
