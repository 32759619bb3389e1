// Two pictures in one place, parted by a slider; zoom and way are the same for both, and what differs is listed.
(() => {
  const { element, iconButton, pictures } = window.atelier;
  const NAMES = { prompt: "Prompt", negative_prompt: "Negative prompt" };
  let box = null;

  const build = () => {
    const parts = {};
    parts.first = element("img", "zoom-layer", { alt: "The first picture", draggable: "false" });
    parts.second = element("img", "zoom-layer", { alt: "The second picture", draggable: "false" });
    parts.over = element("div", "compare-over", {}, parts.second);
    parts.line = element("div", "compare-line");
    parts.stage = element("div", "lightbox-stage", {}, parts.first, parts.over, parts.line);
    parts.slider = element("input", "compare-slider", { type: "range", min: 0, max: 100, step: 0.1, "aria-label": "Where the second picture begins" });
    parts.slider.addEventListener("input", () => divide());
    parts.names = element("p", "compare-names", { role: "status" });
    parts.strip = element("div", "recent-row compare-strip", { role: "group", "aria-label": "Compare with" });
    parts.told = element("div", "compare-told");
    const top = element(
      "div",
      "lightbox-top",
      { role: "toolbar", "aria-label": "Comparison" },
      parts.names,
      element("span", "lightbox-gap"),
      (parts.swap = iconButton("swap", "Change places", () => show(box.two, box.one))),
      iconButton("fit", "Fit or 100 % (double click)", () => box.zoom.toggle()),
      (parts.close = iconButton("close", "Close (Escape)", () => box.dialog.close(), "lightbox-close")),
    );
    const view = element("div", "lightbox-view", {}, parts.stage, parts.slider);
    const aside = element("aside", "lightbox-info", { "aria-label": "What differs" }, element("h3", "compare-title", { text: "Compare with" }), parts.strip, parts.told);
    const dialog = element("dialog", "lightbox compare", { id: "compare", "aria-label": "Comparison of two pictures" }, top, view, aside);
    dialog.addEventListener("close", () => [parts.first, parts.second].forEach((one) => one.removeAttribute("src")));
    dialog.addEventListener("keydown", pressed);
    window.atelier.host().append(dialog);
    box = { ...parts, dialog };
    box.zoom = new window.atelier.Zoom(parts.stage, { paint });
    letTheLineBeDragged();
  };

  /** The line is as much a handle as the slider below the pictures. */
  const letTheLineBeDragged = () => {
    box.line.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      box.line.setPointerCapture(event.pointerId);
    });
    box.line.addEventListener("pointermove", (event) => {
      if (!box.line.hasPointerCapture(event.pointerId)) return;
      const { left, width } = box.stage.getBoundingClientRect();
      box.slider.value = String(((event.clientX - left) / width) * 100);
      divide();
    });
  };

  const paint = (zoom) => {
    if (!box?.zoom) return;
    zoom.place(box.first);
    zoom.place(box.second);
  };

  const divide = () => {
    const share = box.slider.value;
    box.over.style.clipPath = `inset(0 0 0 ${share}%)`;
    box.line.style.left = `${share}%`;
    box.slider.setAttribute("aria-valuetext", `${Math.round(share)} %`);
  };

  const pressed = (event) => {
    const steps = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (!steps || event.target === box.slider || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    box.slider.value = String(Number(box.slider.value) + steps);
    divide();
  };

  const rowsOf = (told) => {
    const rows = Object.entries(NAMES).map(([key, name]) => [name, told?.[key] || ""]);
    return new Map([...rows, ...(told?.parameters || []).map(({ name, value }) => [name, value])]);
  };

  /** Names and the two values, of those that are not the same. */
  const differences = (one, two) => {
    const [first, second] = [rowsOf(one), rowsOf(two)];
    const names = [...new Set([...first.keys(), ...second.keys()])];
    return names.map((name) => [name, first.get(name) || "", second.get(name) || ""]).filter(([, a, b]) => a !== b);
  };

  /** What only one of two lists of words has is marked. */
  const marked = (text, other) => {
    const there = new Set(other.split(",").map((one) => one.trim()));
    const parts = text.split(",").map((one) => one.trim()).filter(Boolean);
    return parts.flatMap((part, at) => [at ? ", " : "", there.has(part) ? part : element("mark", "", { text: part })]);
  };

  const cell = (text, other, name) =>
    Object.values(NAMES).includes(name) && text ? element("td", "", {}, ...marked(text, other)) : element("td", "", { text: text || "–" });

  const tell = async () => {
    const { one, two } = box;
    const known = await Promise.all([one, two].map((picture) => (picture.id ? pictures.parameters(picture.id).catch(() => null) : null)));
    if (box.one !== one || box.two !== two) return;
    if (!two.id) {
      box.told.replaceChildren(element("p", "told-nothing", { text: "The second picture is the one that the first began with." }));
      return;
    }
    const rows = differences(...known);
    const head = element("tr", "", {}, ...["Parameter", "First", "Second"].map((text) => element("th", "", { text, scope: "col" })));
    const lines = rows.map(([name, a, b]) => element("tr", "", {}, element("th", "", { text: name, scope: "row" }), cell(a, b, name), cell(b, a, name)));
    const table = element("table", "compare-table", {}, element("thead", "", {}, head), element("tbody", "", {}, ...lines));
    box.told.replaceChildren(rows.length ? table : element("p", "told-nothing", { text: "The parameters are the same." }));
  };

  const paintStrip = () => {
    const others = box.others.filter((one) => one.id !== box.one.id);
    box.strip.replaceChildren(
      ...others.map((one) =>
        element(
          "button",
          "recent-picture",
          { "aria-label": one.id ? `Compare with picture ${one.id}` : "Compare with the picture that it began with", "aria-pressed": String(one === box.two), on: { click: () => show(box.one, one) } },
          element("img", "", { alt: "", loading: "lazy", src: pictures.local(one.thumbnail) }),
        ),
      ),
    );
  };

  const show = (one, two) => {
    Object.assign(box, { one, two });
    box.swap.hidden = !two.id; // of the picture that something began with no size is known
    box.first.src = pictures.local(one.file);
    box.second.src = pictures.local(two.file);
    box.names.textContent = two.id ? `Picture ${one.id} beside picture ${two.id}` : `Picture ${one.id} beside the one that it began with`;
    box.zoom.take(one.width, one.height);
    divide();
    paintStrip();
    tell();
  };

  /** The picture that another was made from, where it is stored here. */
  const originOf = async (picture) => {
    const told = picture.infotext ? await pictures.parameters(picture.id).catch(() => null) : null;
    if (!told?.input) return null;
    const address = `api/v1/pictures/${picture.id}/input`;
    return { id: 0, file: address, thumbnail: address, infotext: "" };
  };

  /**
   * Compares a picture with the one it began with, or with one of others.
   * @param {object} picture
   * @param {object[]} others from which the second one can be chosen; the first of them that is another is shown
   * @param {object} second the one to begin with
   */
  const open = async (picture, others, second = null) => {
    const origin = second ? null : await originOf(picture);
    const choices = [...(origin ? [origin] : []), ...others];
    const two = second || choices.find((one) => one.id !== picture.id);
    if (!two) {
      window.atelier.toast("There is no other picture to compare with yet.");
      return;
    }
    if (!box) build();
    box.others = choices.includes(picture) ? choices : [picture, ...choices];
    box.slider.value = "50";
    if (!box.dialog.open) box.dialog.showModal();
    box.slider.focus();
    show(picture, two);
  };

  window.atelier.compare = { open, differences };
})();
