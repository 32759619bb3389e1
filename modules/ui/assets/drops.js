// Files and pictures that are dropped or pasted go where they make sense; none of them takes the page away.
(() => {
  const { toast, promptKeys } = window.atelier;
  const PICTURE = /\.(png|jpe?g|webp|avif|gif|bmp|tiff?|jxl|heic)$/i;
  const MODEL = /\.(safetensors|sft|ckpt|pt|pth|bin|gguf|onnx)$/i;
  const MOST_TEXT = 2 ** 18;
  const PATIENCE = 10000;

  const isPicture = (file) => file.type.startsWith("image/") || PICTURE.test(file.name);
  const isShown = (part) => part.offsetParent !== null;

  /** Why a file is of no use here. @param {File} file */
  const refusal = (file) => {
    if (MODEL.test(file.name))
      return `“${file.name}” is a model file. Put it into its folder below models; the Models tab finds it there.`;
    if (/\.json$/i.test(file.name)) return `“${file.name}” is a JSON file and no picture.`;
    return `“${file.name}” is no picture that can be read here.`;
  };

  /** Whether a text is an infotext: several lines, one of which lists parameters. @param {string} text */
  const isInfotext = (text) => text.length <= MOST_TEXT && /\n/.test(text.trim()) && /(^|\n|, )Steps:\s*\d+/.test(text);

  const offer = (text) =>
    toast("This text looks like the parameters of a picture.", {
      label: "Use as parameters",
      act: () => window.atelier.useInfotext(text),
    });

  /** Waits for a part of the page that is about to come. @param {() => Element | null | undefined} look */
  const appearing = async (look) => {
    const end = Date.now() + PATIENCE;
    while (Date.now() < end) {
      const found = look();
      if (found) return found;
      await new Promise((done) => setTimeout(done, 30));
    }
    return null;
  };

  /** Gives files to a field as if they had been chosen there. @param {HTMLInputElement} input @param {File[]} files */
  const hand = (input, files) => {
    const carried = new DataTransfer();
    for (const file of input.multiple ? files : files.slice(0, 1)) carried.items.add(file);
    input.files = carried.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const inputOf = (part) => part?.querySelector("input[type=file]");
  const takesPictures = (input) => !input.accept || /image|\.png|^\*/i.test(input.accept);
  const clearOf = (block) => block?.querySelector("button[aria-label='Clear'], button[title='Clear']");

  /**
   * The places for pictures that are on the screen, those without one first.
   * @returns {{part: Element, isFree: boolean, give: (files: File[]) => Promise<void> | void}[]}
   */
  const fields = () => {
    const blocks = [...document.querySelectorAll("#tabs .block:not(.canvas-box)")].filter(isShown);
    const free = blocks
      .filter(
        (block) =>
          inputOf(block) && takesPictures(inputOf(block)) && !block.querySelector(":scope .block input[type=file]"),
      )
      .map((part) => ({ part, isFree: true, give: (files) => hand(inputOf(part), files) }));
    const canvases = [...document.querySelectorAll("#tabs .canvas-box")].filter(isShown).map((part) => ({
      part,
      isFree: false,
      give: (files) => hand(inputOf(part.closest(".sources").querySelector(".source-files")), files),
    }));
    const filled = blocks
      .filter(
        (block) =>
          !inputOf(block) && clearOf(block) && block.querySelector(".file-preview, .image-container, .image-frame"),
      )
      .map((part) => ({
        part,
        isFree: false,
        give: async (files) => {
          clearOf(part).click();
          const input = await appearing(() => inputOf(document.getElementById(part.id) || part));
          if (input) hand(input, files);
        },
      }));
    return [...free, ...canvases, ...filled];
  };

  /** Opens a tab by its name, wherever its button is. @param {string} name */
  const openTab = (name) => {
    const buttons = document.querySelectorAll("#tabs > .tab-wrapper :is([role=tab], .overflow-dropdown button)");
    [...buttons].find((one) => one.textContent.trim() === name || one.id === `${name}-tab-button`)?.click();
  };

  /** @param {File[]} files */
  const beginWith = async (files) => {
    openTab("img2img");
    const input = await appearing(() => inputOf(document.querySelector("#img2img-tab .source-files")));
    if (input) hand(input, files);
  };

  /** Fills the form with what a picture says of how it was made. @param {File} file */
  const readParameters = async (file) => {
    const inform = (text) =>
      toast(text, { problem: true, label: "Begin with it in img2img", act: () => beginWith([file]) });
    try {
      const answer = await fetch("api/v1/infotexts", {
        method: "POST",
        body: file,
        headers: { "Content-Type": file.type || "image/png" },
      });
      const told = await answer.json();
      if (!answer.ok) toast(told.detail, { problem: true });
      else if (told.infotext) window.atelier.useInfotext(told.infotext);
      else inform("This picture carries no parameters: nothing says how it was made.");
    } catch {
      toast("The picture could not be read. Is the server still there?", { problem: true });
    }
  };

  /** Files of a drop; a picture of this very page is fetched. @param {DataTransfer} carried */
  const filesOf = async (carried) => {
    if (carried.files.length) return [...carried.files];
    const address = carried
      .getData("text/uri-list")
      .split(/\r?\n/)
      .find((line) => line && !line.startsWith("#"));
    if (!address || new URL(address, location.href).origin !== location.origin) return [];
    const answer = await fetch(address);
    const content = answer.ok ? await answer.blob() : new Blob();
    const name = decodeURIComponent(new URL(address, location.href).pathname.split("/").pop()) || "picture";
    return content.type.startsWith("image/") ? [new File([content], name, { type: content.type })] : [];
  };

  /** What becomes of files that are dropped onto a prompt. @param {File[]} files */
  const dropOnPrompt = async (files) => {
    const picture = files.find(isPicture);
    if (picture) return readParameters(picture);
    const text = files.find((file) => /\.txt$/i.test(file.name));
    const words = text && text.size <= MOST_TEXT ? await text.text() : "";
    if (isInfotext(words)) offer(words);
    else toast(text ? `“${text.name}” holds no parameters of a picture.` : refusal(files[0]), { problem: true });
  };

  const fieldAt = (target) => fields().find((field) => field.part.contains(target));
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const carriesAddress = (event) => event.dataTransfer?.types.includes("text/uri-list");

  const dropped = async (carried, target, loading) => {
    const files = await loading;
    if (!files.length) return;
    if (promptKeys.promptBox(target)) return dropOnPrompt(files);
    const pictures = files.filter(isPicture);
    const field = fieldAt(target);
    if (!pictures.length) return toast(refusal(files[0]), { problem: true });
    if (field) return field.give(pictures);
    toast("Drop a picture onto a prompt to use its parameters, or onto a place for pictures.", {
      label: "Use its parameters",
      act: () => readParameters(pictures[0]),
    });
  };

  // On the window, before gradio: what it does not expect would open in the place of the page.
  window.addEventListener(
    "dragover",
    (event) => {
      const isOurs = promptKeys.promptBox(event.target) || event.target.closest?.(".canvas-box");
      if (!carriesFiles(event) && !(carriesAddress(event) && isOurs)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      for (const one of document.querySelectorAll(".drop-here"))
        if (!one.contains(event.target)) one.classList.remove("drop-here");
      if (isOurs) event.target.closest(".block").classList.add("drop-here");
    },
    true,
  );
  const leave = () => document.querySelectorAll(".drop-here").forEach((one) => one.classList.remove("drop-here"));
  window.addEventListener("dragleave", (event) => !event.relatedTarget && leave(), true);
  window.addEventListener(
    "drop",
    (event) => {
      leave();
      const isOurs = promptKeys.promptBox(event.target) || event.target.closest?.(".canvas-box");
      if (!carriesFiles(event) && !(carriesAddress(event) && isOurs)) return;
      event.preventDefault();
      const given = [...event.dataTransfer.files];
      // A field that is free knows what to do with what it takes.
      const input = isOurs ? null : inputOf(event.target.closest?.(".block"));
      if (input && given.length && (!takesPictures(input) || given.every(isPicture))) return;
      event.stopPropagation();
      dropped(event.dataTransfer, event.target, filesOf(event.dataTransfer));
    },
    true,
  );

  document.addEventListener("paste", (event) => {
    const pictures = [...event.clipboardData.files].filter(isPicture);
    const text = event.clipboardData.getData("text/plain");
    const box = promptKeys.promptBox(event.target);
    if (!pictures.length) {
      if (box && isInfotext(text)) offer(text);
      return;
    }
    // Programs that copy text send a picture of it along.
    if (text && event.target.matches?.("input, textarea")) return;
    const field = fields()[0];
    if (field) field.give(pictures);
    else if ([...document.querySelectorAll("#tabs textarea")].some((one) => promptKeys.promptBox(one) && isShown(one)))
      readParameters(pictures[0]);
    else return;
    event.preventDefault();
  });

  window.atelier.drops = { isInfotext, refusal };
})();
