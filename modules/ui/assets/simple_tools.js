// Of the simple view: steps in three words, and whether the next picture has the same seed.
const { element: make, form } = window.atelier;
const place = element.querySelector(".simple-tools");
const { task } = props.value;
const QUALITIES = [
  ["Draft", 0.5],
  ["Good", 1],
  ["Best", 1.75],
];
const MOST_STEPS = 150;

const usualSteps = () => Number(form.usual(task).steps) || 20;
const stepsFor = (times) => Math.min(MOST_STEPS, Math.max(1, Math.round(usualSteps() * times)));

const quality = ([text, times]) =>
  make("button", "", { text, on: { click: () => form.fill(task, { steps: stepsFor(times) }) } });

const buttons = QUALITIES.map(quality);
const steps = make("span", "quality-steps");
const group = make("div", "view-switch quality", { role: "group", "aria-label": "Quality" }, ...buttons);
place.replaceChildren(make("div", "simple-line", {}, make("span", "simple-title", { text: "Quality" }), group, steps));

form.watch(task, ({ values }) => {
  const now = Number(values.steps);
  buttons.forEach((button, index) => {
    const wanted = stepsFor(QUALITIES[index][1]);
    button.title = `${wanted} steps`;
    button.setAttribute("aria-pressed", String(wanted === now));
  });
  steps.textContent = now ? `${now} steps` : "";
});
