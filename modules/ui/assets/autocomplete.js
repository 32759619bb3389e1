// Suggestions while somebody types into a prompt: the server searches, and what is taken is put in as if it were typed.
(() => {
  const { keyboard, promptKeys } = window.atelier;
  const PAUSE = 120;
  const MOST_KEPT = 100;
  const KINDS = {
    lora: "LoRA",
    embedding: "Embedding",
    wildcard: "Wildcard",
    style: "Style",
    tag: "Tag",
    past: "Used before",
  };
  const WITHOUT_COMMA = ["wildcard"];
  const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

  let box = null;
  let list = null;
  let told = null;
  let entries = [];
  let typed = "";
  let chosen = -1;
  let timer = 0;
  let asking = null;
  let isPutting = false;
  const kept = new Map();

  /**
   * What somebody is typing: the text from the last sign that ends words up to the caret.
   * @param {string} before the text up to the caret @returns {string} "" where nothing is to be looked for
   */
  const beginning = (before) => {
    const line = before.slice(before.lastIndexOf("\n") + 1);
    const tag = /<[^<>]*$/.exec(line);
    if (tag) return /^<\w*(:[^:]*)?$/.test(tag[0]) ? tag[0] : "";
    const marks = [...line.matchAll(/__/g)];
    if (marks.length % 2) {
      const name = line.slice(marks.at(-1).index);
      return /^__[\w\-./ ]*$/.test(name) ? name : "";
    }
    let at = line.length;
    while (at > 0 && !(/[,|{}()[\]<>]/.test(line[at - 1]) && line[at - 2] !== "\\")) at -= 1;
    const words = line.slice(at).trimStart();
    if (/^[\s\d.:+-]*$/.test(words) || words.endsWith(" ") || /:\s*[\d.]*$/.test(words)) return "";
    return words.length > 1 || words.charCodeAt(0) > 0x2fff ? words : "";
  };

  /** Where a place in a text field is on the screen. @param {HTMLTextAreaElement} field @param {number} at */
  const placeOf = (field, at) => {
    const style = getComputedStyle(field);
    const mirror = document.createElement("div");
    for (const name of [
      "font",
      "letterSpacing",
      "padding",
      "border",
      "textIndent",
      "tabSize",
      "boxSizing",
      "lineHeight",
    ])
      mirror.style[name] = style[name];
    Object.assign(mirror.style, {
      position: "absolute",
      left: "0",
      top: "0",
      visibility: "hidden",
      whiteSpace: "pre-wrap",
      overflowWrap: "break-word",
      width: `${field.offsetWidth}px`,
    });
    mirror.textContent = field.value.slice(0, at);
    const mark = document.createElement("span");
    mark.textContent = "\u200b";
    mirror.append(mark);
    document.body.append(mirror);
    const around = field.getBoundingClientRect();
    const height = parseFloat(style.lineHeight) || parseFloat(style.fontSize) * 1.4;
    const place = {
      left: around.left + mark.offsetLeft - field.scrollLeft,
      top: Math.min(around.bottom, around.top + mark.offsetTop - field.scrollTop + height),
      height,
    };
    mirror.remove();
    return place;
  };

  const build = () => {
    list = document.createElement("ul");
    list.id = "suggestions";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Suggestions");
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the caret stays where it is
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) take(Number(option.dataset.place));
    });
    told = document.createElement("p");
    told.className = "suggestions-told";
    told.setAttribute("role", "status");
    document.body.append(list, told);
  };

  /** A part of an entry; names are nobody's to translate. @param {string} look @param {string} text */
  const part = (look, text) => {
    const made = document.createElement("span");
    made.className = look;
    made.textContent = text;
    if (look !== "suggestion-kind") made.translate = false;
    return made;
  };
  const option = (entry, place) => {
    const made = document.createElement("li");
    made.id = `suggestion-${place}`;
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", "false");
    made.dataset.place = String(place);
    made.dataset.kind = entry.kind;
    made.append(part("suggestion-label", entry.label));
    if (entry.detail) made.append(part("suggestion-detail", entry.detail));
    if (entry.count && entry.kind !== "past") made.append(part("suggestion-count", compact.format(entry.count)));
    made.append(part("suggestion-kind", KINDS[entry.kind]));
    return made;
  };

  const isOpen = () => Boolean(list && !list.hidden && entries.length);

  const close = () => {
    clearTimeout(timer);
    asking?.abort();
    entries = [];
    chosen = -1;
    if (!list) return;
    list.hidden = true;
    told.textContent = "";
    box?.removeAttribute("aria-activedescendant");
    box?.removeAttribute("aria-controls");
  };

  const put = () => {
    const { left, top, height } = placeOf(box, box.selectionStart - typed.length);
    const [width, tall] = [list.offsetWidth, list.offsetHeight];
    const isBelow = top + tall + 8 <= window.innerHeight || top - height < tall;
    list.style.left = `${Math.max(8, Math.min(left, window.innerWidth - width - 8))}px`;
    list.style.top = `${isBelow ? top + 4 : top - height - tall - 4}px`;
  };

  const open = (found) => {
    if (!list) build();
    entries = found.suggestions;
    typed = found.typed;
    chosen = -1;
    if (!entries.length || document.activeElement !== box) {
      close();
      return;
    }
    list.replaceChildren(...entries.map(option));
    list.classList.toggle("for-fingers", window.atelier.isForFingers());
    list.hidden = false;
    list.scrollTop = 0;
    box.setAttribute("aria-autocomplete", "list");
    box.setAttribute("aria-controls", list.id);
    told.textContent = entries.length === 1 ? "1 suggestion" : `${entries.length} suggestions`;
    put();
  };

  const choose = (place) => {
    chosen = (place + entries.length) % entries.length;
    for (const [at, one] of [...list.children].entries()) one.setAttribute("aria-selected", String(at === chosen));
    list.children[chosen].scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", list.children[chosen].id);
  };

  /** Puts an entry in the place of what was typed. @param {number} place */
  const take = (place) => {
    const entry = entries[place];
    const [field, from, to] = [box, box.selectionStart - typed.length, box.selectionStart];
    const rest = field.value.slice(to);
    const tail = entry.kind === "lora" ? (/^[^<>,\n]*>/.exec(rest)?.[0].length ?? 0) : 0;
    const next = rest.slice(tail);
    const isInBrackets = /(^|[^\\])[([{][^)\]}]*$/.test(field.value.slice(0, from));
    const needsComma = !WITHOUT_COMMA.includes(entry.kind) && !isInBrackets && !/^\s*[,)\]}|:]/.test(next);
    const words = entry.insert + (needsComma ? (/^\s/.test(next) ? "," : ", ") : "");
    close();
    isPutting = true;
    const caret = from + words.length;
    promptKeys.applyEdit(field, { text: field.value.slice(0, from) + words + next, start: caret, end: caret });
    isPutting = false;
  };

  const ask = async (text) => {
    asking?.abort();
    asking = new AbortController();
    const wanted = new URLSearchParams({ text, spaces: String(Boolean(keyboard.choice("spaces"))) }).toString();
    try {
      if (!kept.has(wanted)) {
        const answer = await fetch(`api/v1/suggestions?${wanted}`, { signal: asking.signal });
        if (!answer.ok) return;
        if (kept.size >= MOST_KEPT) kept.clear();
        kept.set(wanted, await answer.json());
        setTimeout(() => kept.delete(wanted), 30000);
      }
      if (box && beginning(box.value.slice(0, box.selectionStart)) === text) open(kept.get(wanted));
    } catch (error) {
      if (error.name !== "AbortError") close(); // the server is away: there is nothing to suggest
    }
  };

  const look = (event) => {
    const field = promptKeys.promptBox(event.target);
    if (!field || isPutting) return;
    close();
    if (!keyboard.choice("suggests") || event.isComposing || field.selectionStart !== field.selectionEnd) return;
    if (event.inputType && /^(delete|history)/.test(event.inputType) && event.inputType !== "deleteContentBackward")
      return;
    if (event.inputType === "insertFromPaste" || document.activeElement !== field) return;
    box = field;
    const text = beginning(field.value.slice(0, field.selectionStart)).slice(-200);
    if (text) timer = setTimeout(ask, PAUSE, text);
  };

  const keys = {
    ArrowDown: () => choose(chosen + 1),
    ArrowUp: () => choose(chosen < 0 ? entries.length - 1 : chosen - 1),
    Tab: () => take(Math.max(0, chosen)),
    Enter: () => (chosen < 0 ? close() || false : take(chosen)),
    Escape: () => close(),
  };
  // Before all others: while the list is open these keys are its own.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!isOpen() || event.target !== box) return;
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
      if (isPlain && keys[event.key]) {
        if (keys[event.key]() === false) return;
        event.preventDefault();
        event.stopImmediatePropagation();
      } else if (
        !["Shift", "Control", "Alt", "Meta"].includes(event.key) &&
        event.key.length > 1 &&
        event.key !== "Backspace"
      ) {
        close();
      }
    },
    true,
  );
  document.addEventListener("input", look);
  document.addEventListener("compositionend", look);
  document.addEventListener("focusout", (event) => event.target === box && close());
  document.addEventListener("pointerdown", (event) => isOpen() && !list.contains(event.target) && close());
  document.addEventListener("scroll", (event) => isOpen() && event.target !== list && put(), true);
  window.addEventListener("resize", () => isOpen() && close());

  window.atelier.suggestions = { beginning, isOpen };
})();
