// Pairs of words, as text.
const list = element.querySelector(".facts");
const paint = () => {
  const rows = (props.value || []).flatMap(([name, text]) => {
    const [term, told] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, told.textContent] = [name, text];
    return [term, told];
  });
  list.replaceChildren(...rows);
};
watch("value", paint);
paint();
