// Well-known models, each with a button that fetches it.
const box = element.querySelector(".listed-models");

const part = (kind, look, text) => {
  const made = document.createElement(kind);
  made.className = look;
  made.textContent = text;
  return made;
};

const row = (model) => {
  const place = part("div", "listed-model", "");
  const words = part("div", "listed-words", "");
  const line = part("p", "listed-line", `${model.kind} · ${model.size} · `);
  const licence = part("a", "listed-licence", model.licence);
  licence.href = model.page;
  licence.translate = false;
  licence.target = "_blank";
  licence.rel = "noopener noreferrer";
  line.append(licence);
  const title = part("p", "listed-title", model.title);
  title.translate = false;
  words.append(title, part("p", "listed-purpose", model.purpose), line);
  const button = part("button", "listed-get", model.state || "Download");
  button.type = "button";
  button.disabled = Boolean(model.state);
  button.setAttribute("aria-label", `Download ${model.title}`);
  button.addEventListener("click", () => {
    button.disabled = true;
    trigger("select", { id: model.id });
  });
  place.append(words, button);
  return place;
};

const paint = () => box.replaceChildren(...(props.value || []).map(row));
watch("value", paint);
paint();
