// A short tour for who is new: offered once above the tabs, begun from there or from the help menu, left at any step.
(() => {
  const { element: make, toast } = window.atelier;
  const KEY = "atelier-tour";
  const GAP = 8;
  const MOST_OFFERED = 4;
  let dialog = null;
  let ring = null;
  let before = null;

  const gigabytes = (megabytes) => `${(megabytes / 1000).toFixed(1)} GB`;

  /** Real models, where an owner has none but the one that ships with the program. */
  const offeredModels = async () => {
    const machine = await window.atelier.machine();
    if (!machine?.is_owner) return [];
    const told = async (path) => {
      const answer = await fetch(path);
      return answer.ok ? answer.json() : null;
    };
    const [models, listed] = await Promise.all(["api/v1/models?kind=checkpoint", "api/v1/downloads/listed"].map(told));
    if (!models || models.models.length > 1 || !listed) return [];
    return listed.filter((one) => one.kind === "checkpoint").slice(0, MOST_OFFERED);
  };

  const fetchModel = async (one, button) => {
    button.disabled = true;
    const body = JSON.stringify({ source: one.id });
    const how = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    const answer = await fetch("api/v1/downloads", how).catch(() => null);
    const told = await answer?.json().catch(() => null);
    if (answer?.ok) {
      button.textContent = "Downloading";
      toast("The download has begun. The Models tab shows how it is getting on.");
    } else {
      button.disabled = false;
      toast(told?.detail || "The server does not answer.", { problem: true });
    }
  };

  const modelRow = (one) => {
    const button = make("button", "chip-button", { text: "Download", "aria-label": `Download ${one.title}` });
    button.addEventListener("click", () => fetchModel(one, button));
    const words = make(
      "div",
      "tour-model-words",
      {},
      make("strong", "", { text: one.title, translate: "no" }),
      make("span", "", { text: one.purpose }),
      make("small", "", { text: `${gigabytes(one.megabytes)}, ${one.licence}`, translate: "no" }),
    );
    return make("li", "tour-model", {}, words, button);
  };

  /** The line on the machine, with a way to measure what is not known. */
  const machinePart = async () => {
    const place = make("p", "tour-machine", { role: "status", text: "The machine is getting ready." });
    window.atelier.machineReady().then((now) => {
      if (!now) return;
      place.textContent = window.atelier.machineLine(now);
      if (now.seconds_per_picture !== null || !now.is_owner || !now.device) return;
      const button = make("button", "chip-button", { text: "Measure the speed" });
      button.addEventListener("click", async () => {
        button.disabled = true;
        const measured = await window.atelier.measureMachine();
        if (measured) place.textContent = window.atelier.machineLine(measured);
        else toast("The speed could not be measured now. Try again later.", { problem: true });
        button.disabled = false;
      });
      place.append(" ", button);
    });
    return [place];
  };

  const modelsPart = async () => {
    const found = await offeredModels();
    if (!found.length) return [];
    return [
      make("p", "", {
        text: "Only the small demo model is here. These are well-known ones; read a licence before you use what it covers.",
      }),
      make("ul", "tour-models", {}, ...found.map(modelRow)),
    ];
  };

  const STEPS = [
    {
      title: "Welcome to Atelier",
      text: "You write what you want to see, and this machine paints it. Everything stays here: nothing is sent anywhere.",
      parts: machinePart,
    },
    {
      title: "Write and generate",
      tab: "txt2img",
      target: "#prompt",
      text: "Describe the picture, then press Generate or Ctrl+Enter. You need not wait: further jobs are put in a queue.",
    },
    {
      title: "Your pictures",
      tab: "Gallery",
      target: "#gallery-tab-button",
      text: "Every picture is kept with all that made it. Search, rate and sort them here, and take one on to img2img, inpainting or Extras.",
    },
    {
      title: "Models",
      tab: "Models",
      target: "#header .form",
      text: "A model decides what can be painted. The list above has the ones that are here; put files into the folder models, or fetch some on this tab.",
      parts: modelsPart,
    },
    {
      title: "Make it yours",
      target: "#help-button",
      text: "Settings has all that can be changed, with a search. This button leads to the keyboard shortcuts and back to this tour.",
    },
  ];

  const point = (selector) => {
    ring?.remove();
    ring = null;
    const box = selector && document.querySelector(selector)?.getBoundingClientRect();
    if (!box?.width) return;
    ring = make("div", "tour-ring", { "aria-hidden": "true" });
    const [top, left] = [box.top - GAP, box.left - GAP];
    const [width, height] = [box.width + 2 * GAP, box.height + 2 * GAP];
    Object.assign(ring.style, { top: `${top}px`, left: `${left}px`, width: `${width}px`, height: `${height}px` });
    document.body.append(ring);
  };

  const show = async (place) => {
    const step = STEPS[place];
    if (step.tab) window.atelier.header.openTab(step.tab);
    const parts = (await step.parts?.()) || [];
    if (!dialog) return;
    const isLast = place === STEPS.length - 1;
    const go = (to) => () => show(to);
    const back = make("button", "chip-button", { text: "Back", on: { click: go(place - 1) } });
    const on = { click: isLast ? () => dialog.close() : go(place + 1) };
    const next = make("button", "chip-button tour-next", { text: isLast ? "Done" : "Next", on });
    const skip = make("button", "tour-skip", { text: "Skip the tour", on: { click: () => dialog.close() } });
    const title = make("h2", "", { id: "tour-title", text: step.title, tabindex: "-1" });
    const count = make("span", "tour-count", { text: `${place + 1} of ${STEPS.length}` });
    dialog.replaceChildren(
      make("div", "tour-head", {}, title, count),
      make("p", "", { text: step.text }),
      ...parts,
      make("div", "tour-buttons", {}, ...(isLast ? [] : [skip]), make("span", "tour-gap"), ...(place ? [back] : []), next),
    );
    requestAnimationFrame(() => point(step.target));
    title.focus();
  };

  const remember = () => localStorage.setItem(KEY, "done");

  const start = () => {
    remember();
    document.querySelector(".tour-offer")?.remove();
    if (dialog) return;
    before = document.activeElement;
    dialog = make("dialog", "tour", { "aria-labelledby": "tour-title" });
    dialog.addEventListener("close", () => {
      dialog.remove();
      dialog = null;
      point(null);
      before?.focus?.();
    });
    document.body.append(dialog);
    dialog.showModal();
    show(0);
  };

  /** Once in a browser, and out of the way: above the tabs, not before them. */
  const offer = async () => {
    if (localStorage.getItem(KEY) || document.querySelector(".tour-offer")) return;
    const line = make("span", "tour-offer-machine", { role: "status" });
    const begin = make("button", "chip-button", { id: "tour-start", text: "Take the tour", on: { click: start } });
    const away = make("button", "tour-away", { text: "×", "aria-label": "No tour, thanks" });
    const title = make("strong", "", { text: "New here?" });
    const box = make("aside", "tour-offer", { "aria-label": "Welcome" }, title, line, begin, away);
    away.addEventListener("click", () => {
      remember();
      box.remove();
    });
    document.querySelector("#header")?.after(box);
    const now = await window.atelier.machineReady();
    if (now?.device) line.textContent = window.atelier.machineLine(now);
  };

  window.addEventListener("resize", () => ring && point(null));
  window.atelier.tour = { start, offer };
})();
