// Shapes, known sizes, and a drawing of the size that is chosen. The sliders below say the same and are what counts.
const { element: make, form } = window.atelier;
const place = element.querySelector(".size-tools");
const { task } = props.value;
const prefix = task === "txt2img" ? "" : `${task}-`;
const DRAWING = 56;
const PASTED = /^\s*(\d{2,5})\s*(?:[x×*,;:/]|\s)\s*(\d{2,5})\s*(?:px)?\s*$/i;

const facts = () => props.value.facts;
const box = (name) => document.querySelector(`#${prefix}${name} input[type="number"]`);

/** As the sliders have it at this moment, before the form is read. */
const sides = () => {
  const values = form.values(task);
  return ["width", "height"].map((name) => Number(box(name)?.value || values[name]) || 0);
};

const within = (side) => {
  const { step, ends } = facts();
  return Math.min(ends[1], Math.max(ends[0], Math.round(side / step) * step));
};
const choose = ([width, height]) => form.fill(task, { width: within(width), height: within(height) });

const rectangle = ([width, height], largest) => {
  const scale = largest / Math.max(width, height, 1);
  const drawn = make("i", "shape-drawing");
  drawn.style.width = `${Math.max(3, Math.round(width * scale))}px`;
  drawn.style.height = `${Math.max(3, Math.round(height * scale))}px`;
  return drawn;
};

const shapeButton = ({ name, sides: wanted }) =>
  make(
    "button",
    "shape",
    {
      "data-shape": name,
      "data-sides": wanted.join("x"),
      title: `${wanted[0]} × ${wanted[1]} pixels`,
      on: { click: () => choose(wanted) },
    },
    make("span", "shape-place", {}, rectangle(wanted, 16)),
    make("span", "", { text: name }),
  );

const sizeMenu = () => {
  const list = make("select", "size-list", { "aria-label": "Sizes that suit the model" });
  list.append(new Option("Sizes", "", true, true));
  for (const [width, height] of facts().sizes) list.append(new Option(`${width} × ${height}`, `${width}x${height}`));
  list.addEventListener("change", () => {
    if (list.value) choose(list.value.split("x").map(Number));
    list.value = "";
  });
  return list;
};

const warning = ([width, height]) => {
  const pixels = width * height;
  if (pixels > facts().most) return "Larger than this model knows: things may appear twice. Paint it smaller and use Hires. fix.";
  if (pixels < facts().least) return "Smaller than this model knows: pictures may fall apart.";
  return "";
};

const megapixels = ([width, height]) => {
  const millions = (width * height) / 1e6;
  return millions >= 0.1 ? `${millions.toFixed(2)} megapixels` : `${Math.round((width * height) / 1000)} thousand pixels`;
};

const tell = () => {
  if (!facts() || !place.firstChild) return;
  const now = sides();
  place.querySelector(".size-drawing").replaceChildren(rectangle(now, DRAWING - 4));
  place.querySelector(".size-words").textContent = `${now[0]} × ${now[1]}`;
  place.querySelector(".size-pixels").textContent = megapixels(now);
  const line = place.querySelector(".size-warning");
  const words = warning(now);
  if (line.textContent !== words) line.textContent = words;
  for (const button of place.querySelectorAll(".shape"))
    button.setAttribute("aria-pressed", String(button.dataset.sides === now.join("x")));
};

const paint = () => {
  if (!facts()) return place.replaceChildren();
  form.describe(task, null, facts().usual);
  const drawing = make(
    "div",
    "size-told",
    { "aria-hidden": "true" },
    make("span", "size-drawing"),
    make("span", "size-numbers", {}, make("b", "size-words"), make("span", "size-pixels")),
  );
  const shapes = make("div", "shapes", { role: "group", "aria-label": "Shape" }, ...facts().shapes.map(shapeButton), sizeMenu());
  place.replaceChildren(drawing, shapes, make("p", "size-warning", { role: "status" }));
  tell();
};

/** "768x1024" in either field means both. */
const pasted = (event) => {
  const field = event.target.closest?.(`#${prefix}width, #${prefix}height`);
  const found = field && PASTED.exec(event.clipboardData?.getData("text") || "");
  if (!found || !facts()) return;
  event.preventDefault();
  event.stopPropagation();
  choose([Number(found[1]), Number(found[2])]);
};

document.addEventListener("paste", pasted, true);
document.addEventListener("input", (event) => {
  if (event.target.closest?.(`#${prefix}width, #${prefix}height`)) requestAnimationFrame(tell);
});
watch("value", paint);
paint();
form.watch(task, () => requestAnimationFrame(tell));
