// The picture to begin with and what is painted over it, in the picture's own pixels. Strokes are kept as lists of
// points, so that undoing is exact; the server gets each layer as a PNG of the picture's size, transparent where
// nothing was painted.
const root = element.querySelector(".canvas");
const find = (name) => root.querySelector(".canvas-" + name);
const tool = (name) => root.querySelector(`[data-tool="${name}"]`);
const paint = find("paint");
const size = find("size").querySelector("input");
const LAYERS = { Sketch: "colours", Inpaint: "mask", "Inpaint sketch": "colours" };
const MASK_COLOUR = "#ffffff";

let mode = "img2img";
let shown = "";
let strokes = { colours: [], mask: [] };
let undone = { colours: [], mask: [] };
let current = null;
let erasing = false;

const pictures = () => props.value?.pictures || [];
const layer = () => LAYERS[mode];
const memory = (id) => "atelier-strokes-" + id;

const line = (context, stroke, from) => {
  const points = stroke.points;
  context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = stroke.colour;
  context.lineWidth = stroke.size;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  if (points.length === 1) {
    context.arc(points[0][0], points[0][1], stroke.size / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.moveTo(...points[Math.max(0, from)]);
  for (const point of points.slice(Math.max(1, from + 1))) context.lineTo(...point);
  context.stroke();
};

const draw = () => {
  const context = paint.getContext("2d");
  context.clearRect(0, 0, paint.width, paint.height);
  for (const stroke of strokes[layer()] || []) line(context, stroke, 0);
  tool("undo").disabled = !strokes[layer()]?.length;
  tool("wipe").disabled = tool("undo").disabled;
  tool("redo").disabled = !undone[layer()]?.length;
};

const exported = (name) => {
  if (!strokes[name].length) return "";
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [paint.width, paint.height];
  for (const stroke of strokes[name]) line(sheet.getContext("2d"), stroke, 0);
  return sheet.toDataURL("image/png");
};

const keep = (...names) => {
  const layers = Object.fromEntries(names.map((name) => [name, exported(name)]));
  props.value = { ...props.value, ...layers };
  try {
    sessionStorage.setItem(memory(shown), JSON.stringify(strokes));
  } catch {
    // Full: then a reload forgets the strokes.
  }
};

// The server's value has no layers of its own: what was painted before, or before a reload, is put in again.
const keepWhatIsMissing = () => {
  const missing = Object.keys(strokes).filter((name) => strokes[name].length && !props.value?.[name]);
  if (shown && missing.length) keep(...missing);
  root.dataset.kept = "yes";
};

const changed = () => {
  draw();
  keep(layer());
};

const remembered = (id) => {
  try {
    return JSON.parse(sessionStorage.getItem(memory(id))) || { colours: [], mask: [] };
  } catch {
    return { colours: [], mask: [] };
  }
};

const refresh = () => {
  const [first, ...more] = pictures();
  root.dataset.filled = first ? "yes" : "no";
  root.dataset.mode = mode;
  root.dataset.paints = first && layer() ? "yes" : "no";
  find("strip").replaceChildren(...(more.length ? [first, ...more] : []).map(thumbnail));
  const mask = props.value?.mask_picture;
  root.dataset.mask = mask && mode === "Inpaint upload" ? "yes" : "no";
  if (mask) find("mask").src = mask.url;
  if (!first) {
    shown = "";
    return;
  }
  const others = more.length ? ` · the first of ${more.length + 1} pictures` : "";
  find("told").textContent = `${first.width} x ${first.height}${others}`;
  if (shown !== first.id) {
    shown = first.id;
    find("picture").src = first.url;
    find("picture").style.width = comfortable(first) + "px";
    [paint.width, paint.height] = [first.width, first.height];
    const shorter = Math.min(first.width, first.height);
    size.max = String(Math.max(8, Math.round(shorter / 2)));
    size.value = String(Math.max(2, Math.round(shorter / 10)));
    strokes = remembered(first.id);
    undone = { colours: [], mask: [] };
  }
  draw();
  setTimeout(keepWhatIsMissing); // a component that is just being made is not heard yet
};

// Small pictures are enlarged, so that their parts can be painted; tall ones fit onto the screen.
const comfortable = ({ width, height }) => {
  const scale = Math.min(Math.max(1, 400 / Math.max(width, height)), 620 / height);
  return Math.round(width * scale);
};

const thumbnail = (picture) => {
  const image = document.createElement("img");
  image.src = picture.url;
  image.alt = `${picture.width} x ${picture.height}`;
  return image;
};

const place = (event) => {
  const box = paint.getBoundingClientRect();
  const scale = paint.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale].map((one) => Math.round(one * 10) / 10);
};

const ring = (event) => {
  const box = paint.getBoundingClientRect();
  const across = (Number(size.value) * box.width) / paint.width;
  const style = find("ring").style;
  style.width = style.height = across + "px";
  style.left = event.clientX - box.left + paint.offsetLeft - across / 2 + "px";
  style.top = event.clientY - box.top + paint.offsetTop - across / 2 + "px";
};

paint.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !layer()) return;
  paint.setPointerCapture(event.pointerId);
  const colour = layer() === "mask" ? MASK_COLOUR : find("colour").value;
  current = { size: Number(size.value), colour, erase: erasing, points: [place(event)] };
  strokes[layer()].push(current);
  undone[layer()] = [];
  line(paint.getContext("2d"), current, 0);
});
paint.addEventListener("pointermove", (event) => {
  ring(event);
  if (!current) return;
  const from = current.points.length - 1;
  const steps = event.getCoalescedEvents?.() || [];
  current.points.push(...(steps.length ? steps : [event]).map(place));
  line(paint.getContext("2d"), current, from);
});
const finish = () => {
  if (!current) return;
  current = null;
  changed();
};
paint.addEventListener("pointerup", finish);
paint.addEventListener("pointercancel", finish);

const choose = (name) => {
  erasing = name === "eraser";
  for (const one of ["brush", "eraser"]) tool(one).setAttribute("aria-pressed", String(one === name));
};
const move = (from, to) => {
  if (!from[layer()]?.length) return;
  to[layer()].push(from[layer()].pop());
  changed();
};
const files = () => element.closest(".sources").querySelector(".source-files input[type=file]");
const hand = (list) => {
  const chosen = [...list].filter((file) => file.type.startsWith("image/"));
  const input = files();
  if (!chosen.length || !input) return false;
  const carried = new DataTransfer();
  for (const file of chosen) carried.items.add(file);
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
};
const actions = {
  brush: () => choose("brush"),
  eraser: () => choose("eraser"),
  undo: () => move(strokes, undone),
  redo: () => move(undone, strokes),
  wipe: () => {
    strokes[layer()] = [];
    undone[layer()] = [];
    changed();
  },
  replace: () => files()?.click(),
  remove: () => {
    sessionStorage.removeItem(memory(shown));
    trigger("clear");
  },
};
root.addEventListener("click", (event) => actions[event.target.closest("[data-tool]")?.dataset.tool]?.());
root.addEventListener("mode", (event) => {
  mode = event.detail;
  refresh();
});

root.addEventListener("dragover", (event) => event.preventDefault());
root.addEventListener("drop", (event) => {
  event.preventDefault();
  hand(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const there = element.isConnected && element.closest(".sources").offsetParent !== null;
  if (there && hand(event.clipboardData.files)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (!paint.matches(":hover, :focus") || /^(input|textarea)$/i.test(event.target.tagName)) return;
  const wanted = event.ctrlKey || event.metaKey;
  if (event.key === "[" || event.key === "]") size.value = String(Number(size.value) * (event.key === "]" ? 1.2 : 0.8));
  else if (wanted && event.key.toLowerCase() === "z") actions[event.shiftKey ? "redo" : "undo"]();
  else return;
  event.preventDefault();
});

watch("value", refresh);
mode = element.closest(".sources")?.querySelector(".source-mode input:checked")?.value || mode;
refresh();
