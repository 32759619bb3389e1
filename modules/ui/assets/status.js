// The value is data. It reaches the page as text, widths and a picture's bytes, never as HTML.
const find = (name) => element.querySelector(".status-" + name);
const box = element.querySelector(".status");
const fill = find("bar").querySelector("i");

const paint = () => {
  const now = props.value || {};
  const known = typeof now.share === "number";
  const percent = known ? Math.round(now.share * 100) : 0;
  box.dataset.busy = now.busy ? "yes" : "no";
  box.dataset.preview = now.busy && now.preview ? "yes" : "no";
  box.dataset.share = known ? "known" : "unknown";
  box.dataset.empty = now.empty && !now.busy ? "yes" : "no";
  find("text").textContent = now.text || "";
  find("percent").textContent = now.busy && known ? percent + " %" : "";
  find("bar").setAttribute("aria-valuenow", String(percent));
  fill.style.width = known ? percent + "%" : "";
  if (now.preview) find("preview").src = now.preview;
  else find("preview").removeAttribute("src");
};

watch("value", paint);
paint();
