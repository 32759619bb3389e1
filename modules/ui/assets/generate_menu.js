// What else the Generate button can do: a menu on right click, long touch, and the small button beside it.
(() => {
  const LONG_TOUCH = 550;
  const MOST_TIMES = 100;
  let how = null;
  let menu = null;
  let button = null;

  /** @param {object} wanted how the next job is queued: `front`, `repeats`, `times` */
  const generate = (wanted) => {
    how = wanted;
    window.atelier.closeFloating();
    button.click();
    setTimeout(takeHow, 2000); // a click that was not taken must not change the next one
  };

  /** How the job is to be queued that is asked for now, as the server reads it. */
  function takeHow() {
    const wanted = how;
    how = null;
    return wanted ? JSON.stringify(wanted) : "";
  }

  const entry = (label, act) => {
    const item = document.createElement("button");
    item.type = "button";
    item.setAttribute("role", "menuitem");
    item.className = "floating-entry";
    item.textContent = label;
    item.addEventListener("click", act);
    return item;
  };

  const times = () => {
    const line = document.createElement("div");
    line.className = "floating-line";
    line.setAttribute("role", "none");
    const number = Object.assign(document.createElement("input"), { type: "number", min: 2, max: MOST_TIMES, value: 4 });
    number.setAttribute("aria-label", "How many times");
    const wanted = () => Math.min(MOST_TIMES, Math.max(1, Math.round(Number(number.value)) || 1));
    number.addEventListener("keydown", (event) => {
      if (event.key === "Enter") generate({ times: wanted() });
    });
    line.append(entry("Generate several times", () => generate({ times: wanted() })), number);
    return line;
  };

  const stopForever = () =>
    window.atelier.pictures.tried(() => window.atelier.pictures.ask("queue/stop-repeating", { method: "POST" }));

  const stopRepeating = async () => {
    window.atelier.closeFloating({ focuses: true });
    await stopForever();
  };

  const fill = () => {
    menu = document.createElement("div");
    menu.className = "floating menu";
    menu.setAttribute("role", "menu");
    menu.setAttribute("aria-label", "More ways to generate");
    menu.append(
      entry("Queue at the front", () => generate({ front: true })),
      times(),
      entry("Generate forever", () => generate({ repeats: true })),
      entry("Stop generating forever", stopRepeating),
      entry("Show the queue", () => {
        window.atelier.closeFloating();
        window.atelier.showQueue();
      }),
    );
  };

  /** @param {HTMLButtonElement} from @param {HTMLElement} opener @param {DOMRect} [box] */
  const open = (from, opener, box) => {
    button = from;
    if (!menu) fill();
    window.atelier.float(menu, opener, box);
    menu.querySelector("[role=menuitem]").focus();
  };

  const generateOf = (target) => (target instanceof Element ? target.closest("button.generate") : null);

  document.addEventListener("contextmenu", (event) => {
    const found = generateOf(event.target);
    if (!found) return;
    event.preventDefault();
    const isPointed = event.clientX || event.clientY;
    open(found, found, isPointed ? new DOMRect(event.clientX, event.clientY, 0, 0) : undefined);
  });

  let touch = 0;
  let isHeld = false;
  document.addEventListener(
    "pointerdown",
    (event) => {
      const found = event.pointerType === "touch" && generateOf(event.target);
      isHeld = false;
      if (!found) return;
      touch = setTimeout(() => {
        isHeld = true;
        open(found, found);
      }, LONG_TOUCH);
    },
    true,
  );
  for (const kind of ["pointerup", "pointercancel", "pointermove"])
    document.addEventListener(kind, (event) => (kind !== "pointermove" || event.movementY > 6) && clearTimeout(touch), true);
  document.addEventListener(
    "click",
    (event) => {
      if (!isHeld || !generateOf(event.target)) return;
      isHeld = false;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );

  /** @param {HTMLButtonElement | null} beside the Generate button that gets the small one */
  const addGenerateMenu = (beside) => {
    if (!beside || beside.nextElementSibling?.classList.contains("generate-more")) return;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "generate-more";
    more.textContent = "▾";
    more.setAttribute("aria-label", "More ways to generate");
    more.setAttribute("aria-haspopup", "menu");
    more.addEventListener("click", () => open(beside, more));
    beside.after(more);
  };

  /** Tabs that have no room stand in a menu, by their names. */
  const showQueue = () => {
    const tabs = [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab]")];
    const tab = tabs.find((one) => one.id === "queue-tab-button" && one.offsetParent !== null);
    const listed = [...document.querySelectorAll("#tabs > .tab-wrapper .overflow-dropdown button")];
    (tab || listed.find((one) => one.textContent.trim() === nameOfQueue()))?.click();
  };

  const nameOfQueue = () => document.getElementById("queue-tab-button")?.textContent.trim() || "Queue";

  Object.assign(window.atelier, {
    addGenerateMenu,
    showQueue,
    takeHow,
    stopForever,
  });
})();
