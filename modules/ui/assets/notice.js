// Plain text only: gr.HTML would run what a template or a value brings along.
const line = element.querySelector("p");
const paint = () => {
  line.textContent = props.value || "";
};
watch("value", paint);
paint();
