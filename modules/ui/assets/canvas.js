// The picture to begin with, and layers painted over it. The picture itself is shown by the browser and never drawn, so
// that its bytes stay; what is painted is drawn at the size of the screen, and at the picture's own only to be sent.
const root = element.querySelector(".canvas");
const find = (name) => root.querySelector(".canvas-" + name);
const tool = (name) => root.querySelector(`[data-tool="${name}"]`);
const [stage, paint, picture, size] = [
  find("stage"),
  find("paint"),
  find("picture"),
  find("size").querySelector("input"),
];
const { PaintedLayer } = window.atelier;
/** The layers of each mode, the one that is painted first. */
const LAYERS = { Sketch: ["colours"], Inpaint: ["mask"], "Inpaint sketch": ["colours", "mask"] };
const MASK_COLOUR = "#ff2f92";
const NAMES = ["colours", "mask"];
const MOST_ZOOM = 24;
const REST = 350;

let mode = "img2img";
let shown = "";
let active = "colours";
let used = "brush";
let current = null;
let isSpaceDown = false;
let isFull = false;
let layers = { colours: new PaintedLayer(1, 1), mask: new PaintedLayer(1, 1) };
const sheets = Object.fromEntries(NAMES.map((name) => [name, document.createElement("canvas")]));
const view = { scale: 1, x: 0, y: 0, isFit: true, width: 1, height: 1 };
const pointers = new Map();

const pictures = () => props.value?.pictures || [];
const seen = () => LAYERS[mode] || [];
const painted = () => (seen().includes(active) ? active : seen()[0]);
const layer = () => layers[painted()];
const density = () => Math.min(2, window.devicePixelRatio || 1);
const memory = (id) => "atelier-strokes-" + id;

// --- What is seen ----------------------------------------------------------------------------------------------------

/** Puts a context into the picture's coordinates, and keeps it inside of the picture. */
const inPicture = (context) => {
  const scale = view.scale * density();
  context.setTransform(scale, 0, 0, scale, view.x * density(), view.y * density());
  context.beginPath();
  context.rect(0, 0, view.width, view.height);
  context.clip();
};

let composing = 0;
/** The part of the screen that is out of date; null: all of it. @type {Record<string, number> | null} */
let stale = null;
const compose = () => {
  const { left, top, right, bottom } = stale || { left: 0, top: 0, right: paint.width, bottom: paint.height };
  composing = 0;
  const context = paint.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  context.clearRect(0, 0, paint.width, paint.height);
  for (const name of seen()) {
    if (root.dataset[`hides${name}`] === "yes") continue;
    context.globalAlpha = name === "mask" ? Number(find("opacity").value) / 100 : 1;
    context.drawImage(sheets[name], 0, 0);
  }
  context.restore();
};
/** @param {[number, number][]} [points] of the picture, around which alone something changed @param {number} [wide] */
const composeSoon = (points, wide = 0) => {
  if (!points) stale = null;
  else if (stale || !composing) {
    const scale = view.scale * density();
    const reach = (wide / 2) * scale + 2;
    const [across, down] = [0, 1].map((side) =>
      points.map((point) => point[side] * scale + (side ? view.y : view.x) * density()),
    );
    const now = stale || { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    stale = {
      left: Math.floor(Math.min(now.left, ...across.map((at) => at - reach))),
      top: Math.floor(Math.min(now.top, ...down.map((at) => at - reach))),
      right: Math.ceil(Math.max(now.right, ...across.map((at) => at + reach))),
      bottom: Math.ceil(Math.max(now.bottom, ...down.map((at) => at + reach))),
    };
  }
  composing ||= requestAnimationFrame(compose);
};

const redraw = () => {
  for (const name of seen()) {
    const context = sheets[name].getContext("2d");
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, sheets[name].width, sheets[name].height);
    inPicture(context);
    layers[name].draw(context);
    context.restore();
  }
  const now = seen().length ? layer() : null;
  tool("undo").disabled = !now?.steps.length;
  tool("wipe").disabled = !now || now.isBlank;
  tool("redo").disabled = !now?.undone.length;
  composeSoon();
};

let redrawing = 0;
const redrawSoon = () =>
  (redrawing ||= requestAnimationFrame(() => {
    redrawing = 0;
    redraw();
  }));

const fitScale = () => Math.min(stage.clientWidth / view.width, stage.clientHeight / view.height) || 1;

/** Shows the picture where the view has it; what is smaller than the stage stays in its middle. */
const look = () => {
  const room = (wide, space, at) => (wide <= space ? (space - wide) / 2 : Math.min(0, Math.max(space - wide, at)));
  view.x = room(view.width * view.scale, stage.clientWidth, view.x);
  view.y = room(view.height * view.scale, stage.clientHeight, view.y);
  for (const image of [picture, find("mask")]) {
    image.style.width = `${view.width * view.scale}px`;
    image.style.height = `${view.height * view.scale}px`;
    image.style.transform = `translate(${view.x}px, ${view.y}px)`;
    image.style.imageRendering = view.scale >= 4 ? "pixelated" : "auto";
  }
  tool("fit").textContent = `${Math.round(view.scale * 100)} %`;
  root.dataset.zoomed = view.isFit ? "no" : "yes";
  redrawSoon();
};
const fit = () => {
  Object.assign(view, { scale: fitScale(), x: 0, y: 0, isFit: true });
  look();
};
/** What lies below a place of the stage stays there. */
const zoom = (factor, clientX, clientY) => {
  const box = stage.getBoundingClientRect();
  const [x, y] = [(clientX ?? box.left + box.width / 2) - box.left, (clientY ?? box.top + box.height / 2) - box.top];
  const scale = Math.min(MOST_ZOOM, Math.max(fitScale(), view.scale * factor));
  const share = scale / view.scale;
  Object.assign(view, { x: x - (x - view.x) * share, y: y - (y - view.y) * share, scale });
  view.isFit = scale <= fitScale() * 1.001;
  look();
};
const pan = (x, y) => {
  view.x += x;
  view.y += y;
  look();
};
const resize = () => {
  const [width, height] = [stage.clientWidth, stage.clientHeight].map((side) =>
    Math.max(1, Math.round(side * density())),
  );
  for (const sheet of [paint, ...Object.values(sheets)]) {
    if (sheet.width !== width || sheet.height !== height) [sheet.width, sheet.height] = [width, height];
  }
  if (!stage.clientWidth) return;
  if (view.isFit) fit();
  else look();
};
new ResizeObserver(resize).observe(stage);

// --- What is kept and sent -------------------------------------------------------------------------------------------

const dirty = new Set();
let resting = 0;
let sending = null;

/** Puts the layers that changed into the value, as pictures, once all that was begun before is there. */
const flush = () => {
  clearTimeout(resting);
  resting = 0;
  const mine = (sending || Promise.resolve()).then(putWhatIsDirty).finally(() => {
    if (sending === mine) sending = null;
  });
  sending = mine;
  return mine;
};
const putWhatIsDirty = async () => {
  const names = [...dirty];
  dirty.clear();
  if (names.length && shown) await putInValue(names, shown);
};
const putInValue = async (names, id) => {
  try {
    const made = await Promise.all(names.map((name) => layers[name].exported()));
    if (id === shown)
      props.value = { ...props.value, ...Object.fromEntries(names.map((name, at) => [name, made[at]])) };
  } catch (error) {
    find("told").textContent = error.message;
  }
};

const remember = () => {
  try {
    sessionStorage.setItem(memory(shown), JSON.stringify(layers));
  } catch {
    // Full: then a reload forgets the strokes.
  }
};
const remembered = (id) => {
  try {
    return JSON.parse(sessionStorage.getItem(memory(id))) || {};
  } catch {
    return {};
  }
};

/** After a step is done or undone. To encode large sheets takes a while: it waits until the hand rests. */
const changed = (...names) => {
  for (const name of names) dirty.add(name);
  redraw();
  remember();
  clearTimeout(resting);
  resting = setTimeout(flush, REST);
};

// A job must not be asked for without the last stroke.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("button.generate");
    if (
      !button ||
      !(dirty.size || resting || sending) ||
      !element.isConnected ||
      !element.closest(".work")?.contains(button)
    )
      return;
    event.stopImmediatePropagation();
    event.preventDefault();
    flush().then(() => requestAnimationFrame(() => button.click()));
  },
  true,
);

// The server's value has no layers of its own: what was painted before, or before a reload, is put in again.
const keepWhatIsMissing = async () => {
  const missing = NAMES.filter((name) => !layers[name].isBlank && !props.value?.[name]);
  if (shown && missing.length) {
    for (const name of missing) dirty.add(name);
    await flush();
  }
  root.dataset.kept = "yes";
};

// --- The picture -----------------------------------------------------------------------------------------------------

// Small pictures are enlarged, so that their parts can be painted; tall ones fit onto the screen.
const comfortable = ({ width, height }) => {
  const scale = Math.min(Math.max(1, 400 / Math.max(width, height)), 620 / height);
  return Math.round(width * scale);
};

const thumbnail = (one) => {
  const image = document.createElement("img");
  image.src = one.url;
  image.alt = `${one.width} x ${one.height}`;
  return image;
};

const take = (first) => {
  shown = first.id;
  picture.src = first.url;
  stage.style.setProperty("--comfortable", `${comfortable(first)}px`);
  stage.style.setProperty("--shape", `${first.width} / ${first.height}`);
  Object.assign(view, { width: first.width, height: first.height, isFit: true });
  const shorter = Math.min(first.width, first.height);
  size.max = String(Math.max(8, Math.round(shorter / 2)));
  size.value = String(Math.max(2, Math.round(shorter / 10)));
  const before = remembered(first.id);
  layers = Object.fromEntries(
    NAMES.map((name) => [name, new PaintedLayer(first.width, first.height, before[name] || [])]),
  );
  dirty.clear();
  Promise.all(NAMES.map((name) => layers[name].ready())).then(redrawSoon, () => undefined);
  resize();
};

const refresh = () => {
  const [first, ...more] = pictures();
  root.dataset.filled = first ? "yes" : "no";
  root.dataset.mode = mode;
  root.dataset.paints = first && seen().length ? "yes" : "no";
  root.dataset.layer = painted() || "";
  for (const one of root.querySelectorAll("[data-layer]:not(.canvas)"))
    one.setAttribute("aria-pressed", String(one.dataset.layer === painted()));
  find("strip").replaceChildren(...(more.length ? [first, ...more] : []).map(thumbnail));
  const mask = props.value?.mask_picture;
  root.dataset.mask = mask && mode === "Inpaint upload" ? "yes" : "no";
  if (mask) find("mask").src = mask.url;
  if (!first) {
    shown = "";
    setFull(false);
    return;
  }
  const others = more.length ? ` · the first of ${more.length + 1} pictures` : "";
  find("told").textContent = `${first.width} x ${first.height}${others}`;
  if (shown !== first.id) take(first);
  redraw();
  setTimeout(keepWhatIsMissing); // a component that is just being made is not heard yet
};

// --- Painting --------------------------------------------------------------------------------------------------------

const place = (event) => {
  const box = stage.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left - view.x) / view.scale, (event.clientY - box.top - view.y) / view.scale];
  return [Math.round(x * 100) / 100, Math.round(y * 100) / 100];
};

const ring = (event) => {
  const box = stage.getBoundingClientRect();
  const across = Number(size.value) * view.scale;
  const { style } = find("ring");
  style.width = style.height = `${across}px`;
  style.transform = `translate(${event.clientX - box.left - across / 2}px, ${event.clientY - box.top - across / 2}px)`;
};

const colour = () => (painted() === "mask" ? MASK_COLOUR : find("colour").value);

/** Draws the newest step from one of its points on; what was there before stays as it is drawn. */
const drawOn = (from) => {
  const context = sheets[painted()].getContext("2d");
  context.save();
  inPicture(context);
  layer().drawStep(context, layer().steps.length - 1, from);
  context.restore();
  composeSoon(current.points.slice(Math.max(0, from)), current.size);
};

const begin = (event) => {
  if (used === "bucket") {
    const [x, y] = place(event);
    layer().add({ kind: "flood", x, y, colour: colour() });
    changed(painted());
    return;
  }
  current = { size: Number(size.value), colour: colour(), erase: used === "eraser", points: [place(event)] };
  layer().add(current);
  drawOn(0);
};
const goOn = (event) => {
  const from = current.points.length - 1;
  const steps = event.getCoalescedEvents?.() || [];
  current.points.push(...(steps.length ? steps : [event]).map(place));
  drawOn(from);
};
const finish = () => {
  if (!current) return;
  current = null;
  changed(painted());
};
const forget = () => {
  if (!current) return;
  current = null;
  layer().steps.pop();
  redraw();
};

const span = () => {
  const [a, b] = [...pointers.values()];
  return { length: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
};

stage.addEventListener("pointerdown", (event) => {
  const moves = isSpaceDown || event.button === 1 || (!seen().length && !view.isFit);
  if (event.pointerType !== "touch" && event.button !== 0 && event.button !== 1) return;
  if (event.pointerType !== "touch" && !moves && !seen().length) return;
  stage.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  if (pointers.size > 1) forget();
  else if (moves) root.dataset.moves = "yes";
  else if (seen().length) begin(event);
  if (event.button === 1) event.preventDefault();
});
stage.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "touch") ring(event);
  const before = pointers.get(event.pointerId);
  if (!before) return;
  if (current) {
    goOn(event);
    return;
  }
  const last = pointers.size > 1 ? span() : null;
  const [x, y] = [event.clientX - before.x, event.clientY - before.y];
  Object.assign(before, { x: event.clientX, y: event.clientY });
  if (!last) {
    if (root.dataset.moves === "yes") pan(x, y);
    return;
  }
  const now = span();
  if (last.length) zoom(now.length / last.length, now.x, now.y);
  pan(now.x - last.x, now.y - last.y);
});
for (const name of ["pointerup", "pointercancel"])
  stage.addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) root.dataset.moves = "no";
    finish();
  });

stage.addEventListener(
  "wheel",
  (event) => {
    if (event.altKey) resizeBrush(event.deltaY < 0 ? 1.15 : 1 / 1.15, event);
    else {
      // Without a sign that the picture is meant, the wheel is for the page.
      const isMeant =
        event.ctrlKey || event.metaKey || event.shiftKey || isFull || root.contains(document.activeElement);
      const way = event.deltaY || event.deltaX;
      if (!isMeant || (way > 0 && view.isFit && !isFull)) return;
      zoom(
        Math.exp(-way * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? 0.01 : 0.0016)),
        event.clientX,
        event.clientY,
      );
    }
    event.preventDefault();
  },
  { passive: false },
);

// --- Tools -----------------------------------------------------------------------------------------------------------

const resizeBrush = (factor, event) => {
  const now = Number(size.value);
  const step = Math.max(1, Math.abs(now * factor - now));
  size.value = String(Math.round(factor > 1 ? now + step : now - step));
  if (event) ring(event);
};
const choose = (name) => {
  used = name;
  for (const one of ["brush", "eraser", "bucket"]) tool(one).setAttribute("aria-pressed", String(one === name));
};
const step = (given) => {
  layer().add(given);
  changed(painted());
};
const setFull = (wanted) => {
  if (isFull === wanted) return;
  isFull = wanted;
  root.dataset.full = root.dataset.closesOnEscape = wanted ? "yes" : "no";
  tool("full").setAttribute("aria-pressed", String(wanted));
  tool("full").textContent = wanted ? "Close" : "Full screen";
  view.isFit = true;
  resize();
};
const chooseMask = () => {
  const chooser = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
  chooser.addEventListener("change", async () => {
    try {
      step(await layer().bright(chooser.files[0], MASK_COLOUR));
    } catch {
      find("told").textContent = `“${chooser.files[0].name}” cannot be read as a picture.`;
    }
  });
  chooser.click();
};
const files = () => element.closest(".sources").querySelector(".source-files input[type=file]");
const actions = {
  brush: () => choose("brush"),
  eraser: () => choose("eraser"),
  bucket: () => choose("bucket"),
  undo: () => {
    layer().undo();
    changed(painted());
  },
  redo: () => {
    layer().redo();
    changed(painted());
  },
  wipe: () => step({ kind: "clear" }),
  invert: () => step({ kind: "invert", colour: MASK_COLOUR }),
  load: chooseMask,
  larger: () => zoom(1.4),
  smaller: () => zoom(1 / 1.4),
  fit,
  full: () => setFull(!isFull),
  replace: () => files()?.click(),
  remove: () => {
    sessionStorage.removeItem(memory(shown));
    setFull(false);
    trigger("clear");
  },
};
root.addEventListener("click", (event) => {
  const { tool: name, layer: chosen, show } = event.target.closest("button")?.dataset || {};
  if (name) actions[name]?.();
  if (chosen) {
    active = chosen;
    refresh();
  }
  if (show) {
    const hides = event.target.closest("button").getAttribute("aria-pressed") === "true";
    event.target.closest("button").setAttribute("aria-pressed", String(!hides));
    root.dataset[`hides${show}`] = hides ? "yes" : "no";
    composeSoon();
  }
});
find("opacity").addEventListener("input", () => composeSoon());
root.addEventListener("mode", (event) => {
  mode = event.detail;
  refresh();
});

const keys = {
  "[": () => resizeBrush(1 / 1.2),
  "]": () => resizeBrush(1.2),
  "+": actions.larger,
  "=": actions.larger,
  "-": actions.smaller,
  0: fit,
  b: actions.brush,
  e: actions.eraser,
  g: actions.bucket,
  f: actions.full,
};
const isMine = (event) =>
  element.isConnected &&
  (isFull || stage.matches(":hover") || paint.matches(":focus")) &&
  !/^(textarea|select)$/i.test(event.target.tagName) &&
  !(event.target.tagName === "INPUT" && !/^(range|color)$/.test(event.target.type));
document.addEventListener("keydown", (event) => {
  if (!pictures().length || document.querySelector("dialog[open]")) return;
  if (isFull && event.key === "Escape") {
    setFull(false);
    event.preventDefault();
    return;
  }
  if (!isMine(event) || event.altKey) return;
  const wanted = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (wanted && seen().length && key === "z") (event.shiftKey ? actions.redo : actions.undo)();
  else if (wanted && seen().length && key === "y") actions.redo();
  else if (event.key === " " && event.target.tagName !== "BUTTON") isSpaceDown = true;
  else if (!wanted && keys[key]) keys[key]();
  else return;
  event.preventDefault();
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") isSpaceDown = false;
});

watch("value", refresh);
mode = element.closest(".sources")?.querySelector(".source-mode input:checked")?.value || mode;
refresh();
