// Near Generate: what was filled in, with the way back; settings that override the server's; what the simple view hides.
const { element: make, form } = window.atelier;
const place = element.querySelector(".form-told");
const { task } = props.value;

const shown = (value) => (value === true ? "on" : value === false ? "off" : String(value));

const backLine = (back) => {
  const count = Object.keys(back.values).length;
  const [one, several] = back.isTakenBack
    ? ["1 setting was taken back.", `${count} settings were taken back.`]
    : ["1 setting was filled in.", `${count} settings were filled in.`];
  const words = count === 1 ? one : several;
  const label = back.isTakenBack ? "Fill in again" : "Undo";
  const button = make("button", "told-act", { text: label, id: `${task}-undo`, on: { click: () => form.takeBack(task) } });
  return make("p", "told-line", { role: "status" }, make("span", "", { text: words }), button);
};

const chip = (name, label, value) => {
  const id = `${task}-override-${name}`;
  const away = make("button", "override-away", {
    text: "×",
    title: "Back to the setting",
    "aria-label": "Back to the setting",
    "aria-describedby": id,
    on: { click: () => form.fill(task, { [name]: form.usual(task)[name] }) },
  });
  const words = make("span", "override-words", { id }, make("b", "", { text: label }), " ", make("span", "", { text: shown(value) }));
  return make("li", "override", { "data-field": name }, words, away);
};

const chips = (labels, values) => {
  const names = form.differing(task, Object.keys(labels));
  if (!names.length) return [];
  const entries = names.map((name) => chip(name, labels[name], values[name]));
  return [make("ul", "overrides", { "aria-label": "Settings of this form that go before those of the server" }, ...entries)];
};

/** Of the hidden fields those that count now. */
const secret = ({ hidden, switched }, values) => {
  const off = new Set(Object.entries(switched).flatMap(([name, fields]) => (values[name] ? [] : fields)));
  return form.differing(task, hidden.filter((name) => !off.has(name)));
};

const hiddenLine = (count) => {
  const words =
    count === 1
      ? "1 setting that is hidden here differs from the usual one."
      : `${count} settings that are hidden here differ from the usual ones.`;
  const button = make("button", "told-act", { text: "Show", on: { click: () => window.atelier.setView("expert") } });
  return make("p", "told-line simple-only", { role: "status" }, make("span", "", { text: words }), button);
};

let painted = "";
const paint = ({ values, back }) => {
  const { labels = {}, hidden = [], switched = {} } = props.value;
  const count = secret({ hidden, switched }, values).length;
  const names = form.differing(task, Object.keys(labels));
  const state = JSON.stringify([back, count, names.map((name) => values[name])]);
  if (state === painted) return; // what has the focus keeps it
  painted = state;
  const hadFocus = place.contains(document.activeElement) ? document.activeElement.id : null;
  place.replaceChildren(...(back ? [backLine(back)] : []), ...chips(labels, values), ...(count ? [hiddenLine(count)] : []));
  if (hadFocus) document.getElementById(hadFocus)?.focus();
};

/** A setting of the server was changed: what the form holds because of it follows. */
const follow = (rows) => {
  const { of_settings: fields = {}, usual } = props.value;
  const news = rows.filter(({ name, value }) => fields[name] in usual && String(usual[fields[name]]) !== String(value));
  const changed = Object.fromEntries(news.map(({ name, value }) => [fields[name], value]));
  if (!news.length) return;
  const values = form.values(task);
  const following = Object.keys(changed).filter((name) => String(values[name]) === String(usual[name]));
  props.value = { ...props.value, usual: { ...usual, ...changed } };
  form.describe(task, props.value.usual);
  form.fill(task, Object.fromEntries(following.map((name) => [name, changed[name]])));
};

form.describe(task, props.value.usual);
watch("value", () => form.describe(task, props.value.usual));
document.addEventListener("atelier-settings", ({ detail }) => follow(detail));
form.watch(task, paint);
