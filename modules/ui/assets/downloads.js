// How downloads are getting on. Rows stay while their numbers change, so that a button does not vanish below a finger.
const list = element.querySelector(".downloads");
const rows = new Map();

const part = (kind, look, parent) => {
  const made = document.createElement(kind);
  made.className = look;
  parent.append(made);
  return made;
};

const made = (id) => {
  const place = document.createElement("div");
  place.className = "download";
  place.dataset.id = id;
  place.setAttribute("role", "listitem");
  const head = part("div", "download-head", place);
  const name = part("span", "download-name", head);
  const actions = part("span", "download-actions", head);
  const bar = part("div", "download-bar", place);
  bar.setAttribute("role", "progressbar");
  const fill = part("i", "", bar);
  const line = part("p", "download-line", place);
  const problem = part("p", "download-problem", place);
  return { place, name, actions, bar, fill, line, problem, offered: "" };
};

const fillIn = (row, one) => {
  row.place.dataset.state = one.state;
  row.name.textContent = one.name;
  row.name.title = one.source;
  row.line.textContent = one.line;
  row.problem.textContent = one.problem;
  row.bar.hidden = one.share === null;
  row.bar.setAttribute("aria-label", `Download of ${one.name}`);
  row.bar.setAttribute("aria-valuenow", String(Math.round((one.share || 0) * 100)));
  row.fill.style.width = `${(one.share || 0) * 100}%`;
  if (row.offered === one.actions.join()) return;
  row.offered = one.actions.join();
  row.actions.replaceChildren();
  for (const action of one.actions) {
    const button = part("button", "download-action", row.actions);
    button.type = "button";
    button.textContent = action;
    button.dataset.action = action;
    button.setAttribute("aria-label", `${action}: ${one.name}`);
    button.addEventListener("click", () => trigger("select", { id: one.id, action }));
  }
};

const paint = () => {
  const now = props.value || [];
  const there = new Set(now.map((one) => one.id));
  for (const [id, row] of rows) {
    if (there.has(id)) continue;
    row.place.remove();
    rows.delete(id);
  }
  for (const one of now) {
    if (!rows.has(one.id)) {
      rows.set(one.id, made(one.id));
      list.prepend(rows.get(one.id).place); // the newest on top
    }
    fillIn(rows.get(one.id), one);
  }
};
watch("value", paint);
paint();
