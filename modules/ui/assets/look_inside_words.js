// What the prompts are for the text encoder at a step: parts, chunks of 75 tokens, tokens with their weights.
(() => {
  const { node, stepsOf } = window.atelier.inside;
  const CHUNK = 75;

  const weightWords = (weight) => String(Math.round(weight * 100) / 100);

  /** Words are drawn as one chip, whose tokens are told apart by thin lines. */
  const wordsOf = (tokens) => {
    const words = [];
    let open = null;
    for (const token of tokens) {
      const isOther = open && (open.learned !== token.is_learned || (open.learned && open.name !== token.text));
      if (isOther) open = null;
      if (!open) {
        open = { tokens: [], weight: token.weight, learned: token.is_learned, name: token.text };
        words.push(open);
      }
      open.tokens.push(token);
      if (token.ends_word && !token.is_learned) open = null;
    }
    return words;
  };

  const chip = (word) => {
    const made = node("span", { class: "inside-word" });
    made.style.setProperty("--lift", String(Math.max(-1, Math.min(1, Math.log2(Math.max(word.weight, 0.01))))));
    made.dataset.weight = word.weight > 1 ? "more" : word.weight < 1 ? "less" : "plain";
    if (word.learned) {
      made.append(node("span", { class: "inside-token" }, word.tokens[0].text));
      made.append(node("small", {}, word.tokens.length === 1 ? "1 vector" : `${word.tokens.length} vectors`));
    } else made.append(...word.tokens.map((token) => node("span", { class: "inside-token" }, token.text || "·")));
    if (word.weight !== 1) made.append(node("small", { class: "inside-weight" }, weightWords(word.weight)));
    return made;
  };

  const chunk = (one, place) => {
    const chips = wordsOf(one.tokens).map(chip);
    if (one.ends_by_break) chips.push(node("span", { class: "inside-break" }, "BREAK"));
    const count = `Chunk ${place + 1}: ${one.tokens.length} of ${CHUNK} tokens`;
    const fill = node("i");
    fill.style.width = `${(one.tokens.length / CHUNK) * 100}%`;
    return node(
      "div",
      { class: "inside-chunk" },
      node("p", { class: "inside-count" }, count, node("span", { class: "inside-fill", "aria-hidden": "true" }, fill)),
      chips.length
        ? node("div", { class: "inside-chips", translate: "no" }, ...chips)
        : node("p", { class: "inside-none" }, "No words"),
    );
  };

  class Words {
    constructor(panel) {
      this.panel = panel;
      this.root = node("div", { class: "inside-words" });
    }

    show() {
      const { passes, words, at } = this.panel.state;
      const now = stepsOf(passes)[at];
      const pass = words[now ? now.place : 0];
      if (!pass) return;
      const step = now ? now.step : 0;
      this.root.replaceChildren(
        ...this.prompt("Prompt", pass.prompt, pass.steps, step),
        ...this.prompt("Negative prompt", pass.negative, pass.steps, step),
      );
    }

    prompt(title, parts, steps, step) {
      const drawn = parts.map((part, place) => {
        const inside = [];
        if (parts.length > 1) {
          const name = `Part ${place + 1} of ${parts.length}, weight ${weightWords(part.weight)}`;
          inside.push(node("p", { class: "inside-part-name" }, name));
        }
        if (part.texts.length > 1) inside.push(...this.timeline(part, steps, step));
        const text = part.texts[part.at[Math.min(step, part.at.length - 1)] ?? 0];
        return node("div", { class: "inside-part" }, ...inside, ...text.chunks.map(chunk));
      });
      return [node("h4", {}, title), ...drawn];
    }

    /** Which of its texts a part is at each step. */
    timeline(part, steps, step) {
      const cells = part.at.map((text, place) => {
        const cell = node("i", { "data-now": place === step ? "yes" : "no" });
        cell.style.setProperty("--text", String(text % 6));
        return cell;
      });
      const told = `The words change on the way: ${part.texts.length} different texts in ${steps} steps.`;
      return [
        node("p", { class: "inside-count" }, told),
        node("div", { class: "inside-timeline", "aria-hidden": "true" }, ...cells),
      ];
    }
  }

  window.atelier.inside.words = (panel) => new Words(panel);
})();
