// What stands below the bar where jobs are queued, behind status.js in the same function.
const paintFoot = () => {
  const now = props.value || {};
  find("told").textContent = now.told || "";
  find("waiting").textContent = now.waiting || "";
  find("waiting").hidden = !now.waiting;
  find("forever").hidden = !now.forever;
};

// Beside Generate, whose row gradio puts there after this panel on a tab that is opened later, and anew now and then.
const keepMenu = () => {
  const side = element.closest(".right");
  if (!side?.isConnected) return requestAnimationFrame(keepMenu);
  const add = () => window.atelier.addGenerateMenu(side.querySelector("button.generate"));
  new MutationObserver(add).observe(side, { childList: true, subtree: true });
  return add();
};

find("waiting").addEventListener("click", () => window.atelier.showQueue());
find("forever").addEventListener("click", () => window.atelier.stopForever());
window.atelier.addBell(find("bell"));
watch("value", paintFoot);
paintFoot();
keepMenu();
