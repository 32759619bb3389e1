// Below the prompts: parameters from a text, styles into the prompts, an empty page, presets.
const { element: make, form, presets } = window.atelier;
const place = element.querySelector(".prompt-bar");
const { task } = props.value;

const clear = () => form.fillWithWayBack(task, { prompt: "", negative_prompt: "", styles: [] });

const tool = (name, text, title, click) =>
  make("button", "chip-button", { text, title, id: `${task}-${name}`, on: { click } });

const PASTE = "Fills the form from the parameters in the prompt box; where that is empty, from the newest picture";
place.replaceChildren(
  tool("paste", "Paste parameters", PASTE, () => trigger("select", {})),
  tool("apply-styles", "Apply styles", "Writes the chosen styles into both prompts", () => trigger("submit", {})),
  tool("clear", "Clear", "Empties both prompts and the styles", clear),
  tool("presets", "Presets", "All settings of this tab under a name", (event) =>
    presets.open(task, event.currentTarget, (id) => trigger("input", { id })),
  ),
  tool("negative", "Negative prompt", "What the picture should not show", () => {
    const isOpen = document.documentElement.classList.toggle(`negative-${task}`);
    document.getElementById(`${task}-negative`).setAttribute("aria-expanded", String(isOpen));
  }),
);
const negative = place.lastElementChild;
negative.classList.add("simple-only");
negative.setAttribute("aria-expanded", "false");
// What is written there is never hidden.
form.watch(task, ({ values }) =>
  document.documentElement.classList.toggle(`filled-negative-${task}`, Boolean(values.negative_prompt)),
);
