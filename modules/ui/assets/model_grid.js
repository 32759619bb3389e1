// Cards of model files. The value is data; names reach the page as text and never as HTML.
const grid = element.querySelector(".model-grid");

const span = (look, text) => {
  const part = document.createElement("span");
  part.className = look;
  part.textContent = text;
  return part;
};

// A colour and a letter stand in for a picture; a name always gets the same ones.
const placeholder = (name) => {
  let number = 7;
  for (const sign of name) number = (number * 31 + sign.codePointAt(0)) >>> 0;
  const box = span("model-blank", (name.match(/[\p{L}\p{N}]/u) || ["?"])[0].toUpperCase());
  box.style.setProperty("--hue", String((number * 137) % 360));
  return box;
};

const card = (model, chosen) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "model-card";
  button.title = model.name;
  button.dataset.key = model.key;
  button.setAttribute("aria-pressed", String(model.key === chosen));
  const picture = span("model-picture", "");
  if (model.preview) {
    const image = document.createElement("img");
    image.loading = "lazy";
    image.alt = "";
    image.src = model.preview;
    picture.append(image);
  } else {
    picture.append(placeholder(model.title));
  }
  const badges = span("model-badges", "");
  if (model.badge) badges.append(span("model-badge", model.badge));
  if (model.used) badges.append(span("model-badge model-used", "In use"));
  if (model.problem) badges.append(span("model-badge model-refused", model.refusal));
  picture.append(badges);
  button.append(picture, span("model-name", model.title));
  if (model.folder) button.append(span("model-folder", model.folder));
  button.append(span(model.problem ? "model-problem" : "model-line", model.problem || model.line));
  const place = document.createElement("div");
  place.setAttribute("role", "listitem");
  place.append(button);
  return place;
};

const paint = () => {
  const now = props.value || {};
  const focused = grid.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  grid.replaceChildren(...(now.cards || []).map((model) => card(model, now.chosen)));
  if (focused !== null) [...grid.querySelectorAll(".model-card")].find((one) => one.dataset.key === focused)?.focus();
};
grid.addEventListener("click", (event) => {
  const button = event.target.closest(".model-card");
  if (!button) return;
  for (const one of grid.querySelectorAll(".model-card")) one.setAttribute("aria-pressed", String(one === button));
  trigger("select", { key: button.dataset.key });
});
watch("value", paint);
paint();
