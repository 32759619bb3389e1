// Plain text, read out where it stands and seen in an accordion's title: what is closed must not hide what it does.
const line = element.querySelector("p");
const paint = () => {
  line.textContent = props.value || "";
  const title = document.querySelector("#hires-fields > button > span");
  if (props.value) title?.setAttribute("data-changed", props.value);
  else title?.removeAttribute("data-changed");
};
watch("value", paint);
paint();
