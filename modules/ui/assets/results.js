// The pictures that were made last, on every tab that makes some: a row of small ones, one of them large.
(() => {
  const { element, iconButton, pictures } = window.atelier;
  const RECENT = 12;
  const panels = new Set();
  let recent = [];
  let asking = 0;

  const chosenOf = (panel) => recent.find((one) => one.id === panel.chosen) || null;

  /** The list that the lightbox walks through. */
  const listed = () => ({
    count: () => recent.length,
    get: async (place) => recent[place],
    indexOf: (id) => recent.findIndex((one) => one.id === id),
  });

  const openLarge = (panel) => {
    const place = recent.findIndex((one) => one.id === panel.chosen);
    if (place >= 0) window.atelier.lightbox.open(listed(), place, { left: (id) => choose(panel, id) });
  };

  const marks = (panel) => {
    const star = iconButton("star", "Favourite", () => {
      const now = chosenOf(panel);
      pictures.change([now.id], { favourite: !now.favourite });
    }, "star-button");
    const download = iconButton("download", "Download", () => pictures.download(chosenOf(panel)));
    const zip = iconButton("zip", "Download all pictures of this job as a zip file", () => pictures.zipOfJob(chosenOf(panel).job_id));
    const compare = iconButton("compare", "Compare with another picture", () =>
      window.atelier.compare.open(chosenOf(panel), recent),
    );
    const bin = iconButton("bin", "Put into the bin", () => pictures.bin([panel.chosen]), "bin-button");
    Object.assign(panel, { star, zip, compare });
    return element("div", "mark-row", { role: "group", "aria-label": "This picture" }, star, download, zip, compare, bin);
  };

  const build = (panel) => {
    const { root, name } = panel;
    panel.image = element("img", "", { alt: "The picture that is shown large" });
    const large = element(
      "button",
      "large-picture",
      { id: `${name}-picture`, "aria-label": "Show this picture large", on: { click: () => openLarge(panel) } },
      panel.image,
    );
    panel.row = element("div", "recent-row", { id: name.replace("result", "recent"), role: "group", "aria-label": "Recent pictures" });
    panel.told = element("div", "picture-told");
    const tools = element("div", "picture-tools", { id: `${name}-tools` }, marks(panel));
    tools.append(...window.atelier.carryingTools(name, () => chosenOf(panel)));
    root.replaceChildren(large, panel.row, tools, panel.told);
    panel.isBuilt = true;
  };

  const paintRow = (panel) => {
    panel.row.hidden = recent.length < 2;
    const buttons = recent.map((one) => {
      const button = element("button", "recent-picture", {
        "aria-label": `Show picture ${one.id}`,
        "aria-pressed": String(one.id === panel.chosen),
        "data-id": one.id,
        on: { click: () => choose(panel, one.id) },
      });
      button.append(element("img", "", { alt: "", loading: "lazy", decoding: "async", src: pictures.local(one.thumbnail) }));
      return button;
    });
    const focused = panel.row.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    panel.row.replaceChildren(...buttons);
    if (focused) buttons.find((one) => one.dataset.id === focused)?.focus({ preventScroll: true });
  };

  const paintTold = async (panel, now) => {
    const marked = `${now.id}:${now.infotext.length}`;
    if (panel.toldOf === marked) return;
    panel.toldOf = marked;
    let told = { infotext: now.infotext };
    panel.told.replaceChildren(window.atelier.parametersView(told, panel.name));
    if (!now.infotext) return;
    const known = await pictures.parameters(now.id).catch(() => null);
    if (!known || panel.chosen !== now.id) return;
    told = { ...known, infotext: now.infotext };
    panel.told.replaceChildren(window.atelier.parametersView(told, panel.name));
  };

  const paint = (panel) => {
    const now = chosenOf(panel);
    panel.root.hidden = !now;
    if (!now) return;
    if (!panel.isBuilt) build(panel);
    const address = pictures.local(now.file);
    if (panel.image.getAttribute("src") !== address) {
      panel.image.width = now.width;
      panel.image.height = now.height;
      panel.image.src = address;
    }
    panel.root.dataset.told = now.infotext ? "yes" : "no";
    panel.root.dataset.seed = now.seed ?? "";
    panel.star.setAttribute("aria-pressed", String(Boolean(now.favourite)));
    panel.zip.hidden = !now.job_id;
    panel.compare.hidden = recent.length < 2 && !now.infotext.includes("Init image hash: ");
    paintRow(panel);
    paintTold(panel, now);
  };

  const choose = (panel, id) => {
    if (!recent.some((one) => one.id === id)) return;
    panel.chosen = id;
    panel.props.value = String(id);
    paint(panel);
  };

  const takeNewest = (panel) => {
    panel.chosen = recent[0]?.id ?? null;
    panel.props.value = panel.chosen === null ? "" : String(panel.chosen);
    paint(panel);
  };

  const look = async () => {
    const number = ++asking;
    const found = await pictures.tried(() => pictures.find({ limit: RECENT }));
    if (!found || number !== asking) return false;
    recent = found.pictures.filter((one) => !one.problem);
    return true;
  };

  /** Shows the newest pictures; is called whenever there is another newest one. */
  const show = async () => {
    await pictures.ready;
    if (!(await look())) return;
    panels.forEach(takeNewest);
    pictures.tell("listed", []); // the large view may walk through these
  };

  const follow = async (event) => {
    const { kind, ids, values } = event.detail;
    if (kind === "changed") {
      recent = recent.map((one) => (ids.has(one.id) ? { ...one, ...values } : one));
      panels.forEach(paint);
    } else if (kind !== "new" && kind !== "listed" && (await look())) {
      panels.forEach((panel) => (chosenOf(panel) ? paint(panel) : takeNewest(panel)));
    }
  };

  /**
   * Begins a panel.
   * @param {HTMLElement} place
   * @param {{value: string}} props
   */
  const mount = (place, props) => {
    const root = place.querySelector(".picture-panel");
    const panel = { root, props, name: root.dataset.name, chosen: null, isBuilt: false };
    for (const one of panels) if (!one.root.isConnected) panels.delete(one);
    panels.add(panel);
    if (recent.length) takeNewest(panel);
  };

  pictures.news.addEventListener("change", follow);
  window.atelier.results = {
    mount,
    show: async (newest) => {
      await show();
      pictures.tell("new", newest ? [Number(newest)] : []);
    },
  };
})();
