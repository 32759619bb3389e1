// Tells that a script of an extension failed, and of which: the page goes on without it.
(() => {
  const OF_EXTENSION = /\/extension-files\/([^/\s]+)\//;
  const told = new Set();

  /** @param {string} place an address of a script, or a stack that has one @param {string} problem */
  const tell = (place, problem) => {
    const [, name] = OF_EXTENSION.exec(place || "") || [];
    if (!name || told.has(name)) return;
    told.add(name);
    window.atelier.toast(`A script of the extension ${name} failed: ${problem}`, { problem: true });
  };

  window.addEventListener(
    "error",
    ({ target, filename, message, error }) => {
      if (target instanceof HTMLScriptElement) tell(target.src, "it cannot be loaded");
      else tell(filename || error?.stack, message);
    },
    true,
  );
  window.addEventListener("unhandledrejection", ({ reason }) => tell(reason?.stack, reason?.message));
})();
