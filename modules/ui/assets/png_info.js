// What a dropped file says of how it was made.
(() => {
  const { element, pictures } = window.atelier;

  /**
   * Begins the tab.
   * @param {HTMLElement} place
   * @param {{value: object | null}} props
   * @param {(event: string, told: object) => void} trigger
   */
  const mount = (place, props, trigger, watch) => {
    const hint = place.querySelector(".empty");
    const found = place.querySelector(".png-info-found");
    const send = (key) => trigger("select", { key });

    const sending = () =>
      element(
        "div",
        "chip-row",
        { role: "group", "aria-label": "Send the picture to" },
        element("span", "chip-title", { text: "Send to" }),
        ...pictures.actions.sending.map(([key, label]) =>
          element("button", "chip-button", { text: label, id: `info-to-${key}`, on: { click: () => send(key) } }),
        ),
      );

    const paint = () => {
      const told = props.value;
      hint.hidden = Boolean(told);
      found.hidden = !told;
      if (!told) return;
      const image = element("img", "", { alt: "The dropped picture", src: told.picture });
      image.addEventListener("error", () => image.remove());
      const use = element("button", "use-button", { id: "send-to-txt2img", text: told.task === "img2img" ? "Send to img2img" : "Send to txt2img", on: { click: () => send("parameters") } });
      const said = element("div", "png-info-said", {}, ...(told.infotext ? [use] : []), sending(), window.atelier.parametersView(told, "info"));
      found.replaceChildren(element("div", "png-info-picture", {}, image), said);
    };
    watch("value", () => pictures.ready.then(paint));
    pictures.ready.then(paint);
  };

  window.atelier.pngInfo = { mount };
})();
