// Forms as the page's own parts see them: what they hold, how to change them, and the way back from what was filled in.
(() => {
  /** By task: what memory.js has read last, what is to be changed, and how to take back what was filled in. */
  const forms = {};
  const watchers = {};

  const formOf = (task) => (forms[task] ??= { values: {}, usual: {}, pending: {}, back: null });
  const same = (one, other) => JSON.stringify(one ?? "") === JSON.stringify(other ?? "");
  const tell = (task) => (watchers[task] || []).forEach((watcher) => watcher(formOf(task)));

  /** A form's pictures are no values that could be taken back. */
  const isPlain = (value) => value === null || typeof value !== "object" || Array.isArray(value);

  /** What differs from what was there, by name: what it was before. */
  const changedFrom = (before, after) =>
    Object.fromEntries(
      Object.keys(after)
        .filter((name) => name in before && isPlain(after[name]) && !same(before[name], after[name]))
        .map((name) => [name, before[name]]),
    );

  /** Another model brings settings of its own, which its list says and nobody needs to take back. */
  const followsModel = (task, changed) => {
    const usual = Object.keys(formOf(task).model || {});
    return "model" in changed && Object.keys(changed).every((name) => name === "model" || usual.includes(name));
  };

  document.addEventListener("atelier-form", ({ detail: { task, values, before, isFilled } }) => {
    const form = formOf(task);
    form.values = values;
    const changed = changedFrom(before, values);
    if (isFilled && Object.keys(changed).length && !followsModel(task, changed)) form.back = { values: changed };
    tell(task);
  });

  /** How many values differ from the usual ones; what is left empty is as usual. */
  const differing = (task, names) => {
    const { values, usual } = formOf(task);
    const isOther = (name) =>
      values[name] !== null && values[name] !== undefined && values[name] !== "" && String(values[name]) !== String(usual[name]);
    return names.filter((name) => name in usual && isOther(name));
  };

  /**
   * @param {string} task
   * @param {Object<string, any>} changes by the names of fields
   */
  const fill = (task, changes) => {
    Object.assign(formOf(task).pending, changes);
    document.getElementById(`fill-${task}`)?.click();
  };

  window.atelier.form = {
    /** @param {string} task @returns {Object<string, any>} as memory.js has read them last */
    values: (task) => formOf(task).values,
    usual: (task) => formOf(task).usual,
    back: (task) => formOf(task).back,
    differing,
    fill,

    /** What the fields hold where nobody changed them; `model` are those that the checkpoint decides. */
    describe(task, usual, model = null) {
      const form = formOf(task);
      form.plain = usual ?? form.plain ?? {};
      form.model = model ?? form.model ?? {};
      form.usual = { ...form.plain, ...form.model };
      tell(task);
    },

    /** For gradio: the new values in the order of `names`; what stays is undefined. */
    take(task, names) {
      const form = formOf(task);
      const { pending } = form;
      form.pending = {};
      window.atelier.formTouched(task);
      return names.map((name) => (name in pending ? pending[name] : undefined));
    },

    /** Take back what was filled in, or put it in again. */
    takeBack(task) {
      const form = formOf(task);
      if (!form.back) return;
      const again = Object.fromEntries(Object.keys(form.back.values).map((name) => [name, form.values[name]]));
      const { values, isTakenBack } = form.back;
      form.back = { values: again, isTakenBack: !isTakenBack };
      fill(task, values);
      tell(task);
    },

    /** Change the form by hand, so that there is a way back. */
    fillWithWayBack(task, changes) {
      const form = formOf(task);
      const before = Object.fromEntries(Object.keys(changes).map((name) => [name, form.values[name]]));
      form.back = { values: before };
      fill(task, changes);
      tell(task);
    },

    /** @param {string} task @param {(form: {values: Object<string, any>}) => void} watcher */
    watch(task, watcher) {
      (watchers[task] ??= []).push(watcher);
      watcher(formOf(task));
    },
  };
})();
