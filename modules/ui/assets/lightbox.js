// One picture on the whole screen: keys, zoom, its parameters, and what can be done with it.
(() => {
  const { element, iconButton, pictures } = window.atelier;
  const MEMORY = "atelier-lightbox";
  const WIDE = "(min-width: 900px)";
  const TILES = 3;
  let box = null;

  /**
   * @typedef {object} PictureList what the lightbox walks through
   * @property {() => number} count
   * @property {(place: number) => Promise<object | undefined>} get
   * @property {(id: number) => number} indexOf -1 where it is not there, or not known
   */

  const button = (name, label, act, look) => iconButton(name, label, act, look);

  const buildTop = (parts) => {
    parts.position = element("span", "lightbox-position", { role: "status" });
    parts.star = button("star", "Favourite (F)", () => favour(), "star-button");
    parts.stars = element("div", "rating", { role: "group", "aria-label": "Rating" });
    for (let rating = 1; rating <= 5; rating++) {
      const label = rating === 1 ? "1 star" : `${rating} stars`;
      parts.stars.append(button("star", label, () => rate(rating), "rating-star"));
    }
    parts.tile = button("tiles", "Preview as tiles (T)", () => tile());
    parts.infoButton = button("info", "Parameters (I)", () => tellMore());
    parts.bin = button("bin", "Put into the bin (Delete)", () => bin(), "bin-button");
    parts.restore = button("restore", "Take out of the bin", () => pictures.restore([box.now.id]));
    parts.close = button("close", "Close (Escape)", () => box.dialog.close(), "lightbox-close");
    return element(
      "div",
      "lightbox-top",
      { role: "toolbar", "aria-label": "The picture" },
      parts.position,
      parts.star,
      parts.stars,
      element("span", "lightbox-gap"),
      button("fit", "Fit or 100 % (double click)", () => box.zoom.toggle()),
      parts.tile,
      button("compare", "Compare with another picture (C)", () => compare()),
      button("download", "Download (D)", () => pictures.download(box.now)),
      parts.bin,
      parts.restore,
      parts.infoButton,
      parts.close,
    );
  };

  const build = () => {
    const parts = {};
    const top = buildTop(parts);
    parts.image = element("img", "zoom-layer", { alt: "", draggable: "false" });
    parts.tiles = element("div", "zoom-layer zoom-tiles", { hidden: true });
    parts.problem = element("p", "lightbox-problem", { hidden: true, role: "alert" });
    parts.stage = element("div", "lightbox-stage", {}, parts.image, parts.tiles, parts.problem);
    parts.before = button("left", "Picture before (←)", () => walk(-1), "lightbox-walk lightbox-before");
    parts.after = button("right", "Picture after (→)", () => walk(1), "lightbox-walk lightbox-after");
    parts.facts = element("p", "lightbox-facts");
    parts.told = element("div", "picture-told");
    parts.tools = element("div", "picture-tools", {}, ...window.atelier.carryingTools("lightbox", () => box.now, () => box.dialog.close()));
    parts.info = element("aside", "lightbox-info", { "aria-label": "Parameters" }, parts.facts, parts.tools, parts.told);
    const view = element("div", "lightbox-view", {}, parts.stage, parts.before, parts.after);
    const dialog = element("dialog", "lightbox", { id: "lightbox", "aria-label": "Picture" }, top, view, parts.info);
    parts.image.addEventListener("load", () => dialog.setAttribute("data-loaded", "yes"));
    parts.image.addEventListener("error", () => cannotShow());
    dialog.addEventListener("keydown", pressed);
    dialog.addEventListener("close", left);
    window.atelier.host().append(dialog);
    box = { ...parts, dialog };
    box.zoom = new window.atelier.Zoom(parts.stage, { paint, swiped });
    tellMore(remembered() ?? window.matchMedia(WIDE).matches);
  };

  const remembered = () => {
    const kept = localStorage.getItem(MEMORY);
    return kept && window.matchMedia(WIDE).matches ? kept === "told" : null;
  };

  const paint = (zoom) => {
    if (!box?.zoom) return;
    const layer = box.tiles.hidden ? box.image : box.tiles;
    zoom.place(layer);
    box.dialog.dataset.fit = zoom.isFit ? "yes" : "no";
  };

  const swiped = (direction) => {
    if (direction === "down") box.dialog.close();
    else walk(direction === "left" ? 1 : -1);
  };

  const cannotShow = () => {
    if (!box.image.getAttribute("src")) return;
    box.problem.hidden = false;
    box.problem.textContent = box.now.problem || "This picture cannot be shown.";
  };

  const preload = async (place) => {
    for (const next of [place + 1, place - 1]) {
      if (next < 0 || next >= box.list.count()) continue;
      const picture = await box.list.get(next);
      if (picture && !picture.problem) new Image().src = pictures.local(picture.file);
    }
  };

  const show = async (place) => {
    const wanted = Math.max(0, Math.min(place, box.list.count() - 1));
    const number = (box.asked = (box.asked || 0) + 1);
    box.place = wanted; // at once: the next key goes on from here
    const picture = await box.list.get(wanted);
    if (number !== box.asked || !box.dialog.open) return;
    if (!picture) {
      box.dialog.close();
      return;
    }
    take(picture);
    preload(wanted);
  };

  const take = (picture) => {
    const isOther = box.now?.id !== picture.id;
    box.now = picture;
    paintMarks();
    if (!isOther) return;
    box.problem.hidden = true;
    tile(false);
    box.image.alt = picture.infotext ? picture.infotext.slice(0, 160) : pictures.nameOf(picture);
    box.image.src = pictures.local(picture.file);
    box.zoom.take(picture.width, picture.height);
    tell();
  };

  const paintMarks = () => {
    const { now, list, place } = box;
    const count = list.count();
    box.position.textContent = `${(place + 1).toLocaleString("en")} of ${count.toLocaleString("en")}`;
    box.before.disabled = place === 0;
    box.after.disabled = place === count - 1;
    box.star.setAttribute("aria-pressed", String(Boolean(now.favourite)));
    [...box.stars.children].forEach((star, at) => {
      star.classList.toggle("is-on", at < (now.rating || 0));
      star.setAttribute("aria-pressed", String(at + 1 === now.rating));
    });
    box.bin.hidden = Boolean(now.binned);
    box.restore.hidden = !now.binned;
    box.dialog.dataset.told = now.infotext ? "yes" : "no";
    const made = new Date(now.created * 1000).toLocaleString();
    box.facts.textContent = `${pictures.nameOf(now)} · ${now.width} x ${now.height} · ${made}`;
  };

  /** Only while somebody reads it. */
  const tell = async () => {
    if (box.info.hidden || !box.now) return;
    const { now } = box;
    box.info.scrollTop = 0;
    box.told.replaceChildren(window.atelier.parametersView({ infotext: now.infotext }, "lightbox"));
    if (!now.infotext && !now.origin) return;
    const told = await pictures.parameters(now.id).catch(() => null);
    if (told && box.now?.id === now.id) box.told.replaceChildren(window.atelier.parametersView(told, "lightbox"));
  };

  const tellMore = (isWanted = box.info.hidden) => {
    const isAsked = box.now !== undefined;
    box.info.hidden = !isWanted;
    box.infoButton.setAttribute("aria-pressed", String(isWanted));
    if (isAsked) localStorage.setItem(MEMORY, isWanted ? "told" : "plain");
    tell();
  };

  const tile = (isWanted = box.tiles.hidden) => {
    if (isWanted === !box.tiles.hidden) return;
    const { width, height } = box.now;
    box.tiles.hidden = !isWanted;
    box.image.hidden = isWanted;
    box.tile.setAttribute("aria-pressed", String(isWanted));
    box.tiles.style.backgroundImage = isWanted ? `url("${encodeURI(pictures.local(box.now.file))}")` : "";
    box.tiles.style.backgroundSize = `${width}px ${height}px`;
    box.zoom.take(isWanted ? TILES * width : width, isWanted ? TILES * height : height);
  };

  const walk = (steps) => show(box.place + steps);
  const favour = () => pictures.change([box.now.id], { favourite: !box.now.favourite });
  const rate = (rating) => pictures.change([box.now.id], { rating: box.now.rating === rating ? 0 : rating });
  const bin = () => !box.now.binned && pictures.bin([box.now.id]);

  const compare = async () => {
    const first = Math.max(0, box.place - 6);
    const places = Array.from({ length: 13 }, (_, step) => first + step).filter((one) => one < box.list.count());
    const around = (await Promise.all(places.map((one) => box.list.get(one)))).filter(Boolean);
    window.atelier.compare.open(box.now, around);
  };

  const KEYS = {
    ArrowLeft: () => walk(-1),
    ArrowRight: () => walk(1),
    Home: () => show(0),
    End: () => show(box.list.count() - 1),
    Delete: () => bin(),
    f: () => favour(),
    d: () => pictures.download(box.now),
    s: () => pictures.save(box.now),
    t: () => tile(),
    i: () => tellMore(),
    c: () => compare(),
    "+": () => box.zoom.by(1.25),
    "=": () => box.zoom.by(1.25),
    "-": () => box.zoom.by(0.8),
    z: () => box.zoom.toggle(),
  };

  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("textarea, input, select")) return;
    const isRating = /^[0-5]$/.test(event.key);
    const act = isRating ? () => pictures.change([box.now.id], { rating: Number(event.key) }) : KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (!act || !box.now) return;
    event.preventDefault();
    act();
  };

  /** The browser gives the focus back to what had it; what is looked at now may be another picture. */
  const left = () => {
    const now = box.now;
    box.now = undefined;
    box.image.removeAttribute("src");
    box.image.alt = "";
    if (now) box.leaving?.(now.id);
  };

  const follow = (event) => {
    if (!box?.dialog.open || !box.now) return;
    const { kind, ids, values } = event.detail;
    if (kind === "changed" && ids.has(box.now.id)) take({ ...box.now, ...values });
    if (kind !== "listed") return;
    const place = box.list.indexOf(box.now.id);
    if (place >= 0) box.place = place;
    if (box.list.count() === 0) box.dialog.close();
    else show(box.place);
  };

  /**
   * Shows a picture of a list.
   * @param {PictureList} list
   * @param {number} place
   * @param {{left?: (id: number) => void}} told `left` is called with the picture that was looked at last
   */
  const open = async (list, place, { left: leaving } = {}) => {
    await pictures.ready;
    if (!box) build();
    Object.assign(box, { list, place, leaving });
    box.dialog.removeAttribute("data-loaded");
    if (!box.dialog.open) box.dialog.showModal();
    box.close.focus();
    box.stage.tabIndex = -1;
    await show(place);
  };

  pictures.news.addEventListener("change", follow);
  window.atelier.lightbox = { open };
})();
