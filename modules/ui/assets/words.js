// Buttons whose labels are data.
const line = element.querySelector(".words-line");
const paint = () => {
  const buttons = (props.value || []).map((word) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    button.addEventListener("click", () => trigger("select", { word }));
    return button;
  });
  line.replaceChildren(...buttons);
};
watch("value", paint);
paint();
