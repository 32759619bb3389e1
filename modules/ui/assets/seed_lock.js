// Whether the next picture has the seed that stands in the box, or another one each time.
const { element: make, form } = window.atelier;
const place = element.querySelector(".seed-lock");
const { task } = props.value;
const prefix = task === "txt2img" ? "" : `${task}-`;

const isKept = (values) => values.seed !== null && values.seed !== "" && String(values.seed ?? "-1") !== "-1";

/** Keeps the seed of the picture that is shown; where none is, one that is drawn now. */
const toggle = () => {
  if (isKept(form.values(task))) form.fill(task, { seed: "-1" });
  else if (document.querySelector(`#${prefix}result-shown .picture-panel:not([hidden])`))
    document.getElementById(`${prefix}reuse-seed`).click();
  else form.fill(task, { seed: String(crypto.getRandomValues(new Uint32Array(1))[0]) });
};

const button = make("button", "seed-keep", { "aria-pressed": "false", on: { click: toggle } });
place.replaceChildren(button);
form.watch(task, ({ values }) => {
  const kept = isKept(values);
  button.setAttribute("aria-pressed", String(kept));
  button.textContent = kept ? "Seed is kept" : "Keep seed";
  button.title = kept ? `Every picture begins with the seed ${values.seed}` : "The next pictures begin like this one";
});
