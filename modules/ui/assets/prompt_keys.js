// What keys do to the words of a prompt: weights of words, groups and networks, and the order of what commas part.
// Texts go in and come out; `applyEdit` alone touches the page.
(() => {
  const ROUND = 0.1;
  const LIMIT = 10;
  const NETWORK = /^<([a-z]\w*):([^:<>]+)((?::[^:<>]*)*)>$/i;
  const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)\s*$/;
  const WEIGHT = /:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*$/;
  const WORD_ENDS = " \t\n.,/!?%^*;:{}=`~()[]<>|";
  const PARTNERS = { "(": ")", "[": "]" };

  /** @typedef {{text: string, start: number, end: number}} Edit a text and what is selected in it */
  /** @typedef {{weight: number, network: number}} Steps how much a key press changes a weight */

  /** A backslash takes the meaning of a bracket away. @param {string} text @param {number} at */
  const isEscaped = (text, at) => {
    let count = 0;
    while (text[at - 1 - count] === "\\") count += 1;
    return count % 2 === 1;
  };

  /** The pairs of brackets, inner ones first. @param {string} text */
  const bracketPairs = (text) => {
    const open = [];
    const pairs = [];
    for (let at = 0; at < text.length; at += 1) {
      if (isEscaped(text, at)) continue;
      const sign = text[at];
      if (PARTNERS[sign]) open.push(at);
      const place = open.findLastIndex((one) => PARTNERS[text[one]] === sign);
      if (place < 0) continue;
      pairs.push({ from: open[place], to: at + 1, isRound: sign === ")" });
      open.length = place;
    }
    return pairs;
  };

  /** Whether a sign stands in a text outside of its brackets. @param {string} text @param {string} sign */
  const standsOpen = (text, sign) => {
    const pairs = bracketPairs(text);
    return [...text].some((one, at) => one === sign && !pairs.some((pair) => pair.from < at && at < pair.to));
  };

  /** A number as prompts have it: two digits at most. @param {number} weight */
  const written = (weight) => String(Math.round(Math.max(-LIMIT, Math.min(LIMIT, weight)) * 100) / 100);

  /** The innermost pair that weighs what is selected; none for schedules and alternations. */
  const groupAround = (text, start, end) =>
    bracketPairs(text).find((pair) => {
      if (pair.from > start || pair.to < end || (start === end && (start === pair.from || end === pair.to)))
        return false;
      const inside = text.slice(pair.from + 1, pair.to - 1);
      if (!pair.isRound && (standsOpen(inside, ":") || standsOpen(inside, "|"))) return false;
      const words = inside.replace(pair.isRound ? WEIGHT : /$^/, "");
      const [first, last] = [pair.from + 1, pair.from + 1 + words.length];
      return start === end || (start <= first && end >= last);
    });

  /** Brackets around nothing but brackets, as one: how deep, and what they hold. */
  const unwrapped = (text, group) => {
    let { from, to } = group;
    while (
      bracketPairs(text).some((pair) => pair.from === from - 1 && pair.to === to + 1 && pair.isRound === group.isRound)
    ) {
      [from, to] = [from - 1, to + 1];
    }
    return { from, to, depth: group.from - from + 1 };
  };

  /** @param {string} text @param {{from: number, to: number, isRound: boolean}} group @param {number} change */
  const reweighted = (text, group, change) => {
    let inside = text.slice(group.from + 1, group.to - 1);
    const told = group.isRound ? inside.match(WEIGHT) : null;
    let whole = { from: group.from, to: group.to, depth: 1 };
    let weight;
    if (told) {
      inside = inside.slice(0, told.index);
      weight = Number(told[1]);
    } else {
      whole = unwrapped(text, group);
      weight = 1 + (group.isRound ? ROUND : -ROUND) * whole.depth;
    }
    const number = written(weight + change);
    const put = number === "1" ? inside : `(${inside}:${number})`;
    const start = whole.from + (number === "1" ? 0 : 1);
    return { text: text.slice(0, whole.from) + put + text.slice(whole.to), start, end: start + inside.length };
  };

  /** The tag of a network around what is selected. */
  const networkAround = (text, start, end) => {
    const from = text.lastIndexOf("<", start === end ? start - 1 : start);
    const to = from < 0 ? -1 : text.indexOf(">", from) + 1;
    if (from < 0 || to < Math.max(end, start)) return null;
    const match = text.slice(from, to).match(NETWORK);
    return match && { from, to, kind: match[1], name: match[2], values: match[3].split(":").slice(1) };
  };

  /** @param {string} text @param {{from: number, to: number, kind: string, name: string, values: string[]}} tag */
  const renetworked = (text, tag, change) => {
    const values = tag.values.length ? [...tag.values] : ["1"];
    const raised = (value) => written(Number(value) + change);
    if (NUMBER.test(values[0])) values[0] = raised(values[0]);
    else
      for (const [place, value] of values.entries()) {
        const [name, number] = value.split("=");
        if (/^\s*(te|unet)\s*$/.test(name) && NUMBER.test(number || "")) values[place] = `${name}=${raised(number)}`;
      }
    const put = `<${[tag.kind, tag.name, ...values].join(":")}>`;
    const caret = tag.from + put.length - 1;
    return { text: text.slice(0, tag.from) + put + text.slice(tag.to), start: caret, end: caret };
  };

  /** The word at the caret, or what is selected without the spaces around it. */
  const chosenWords = (text, start, end) => {
    if (start === end) {
      const ends = (at) => WORD_ENDS.includes(text[at]);
      while (start > 0 && !ends(start - 1)) start -= 1;
      while (end < text.length && !ends(end)) end += 1;
    }
    while (start < end && /\s/.test(text[start])) start += 1;
    while (end > start && /\s/.test(text[end - 1])) end -= 1;
    return [start, end];
  };

  /**
   * The text with more or less weight on what is selected, or on the word, group or network at the caret.
   * @param {string} text @param {number} start @param {number} end
   * @param {1 | -1} direction @param {Steps} steps @returns {Edit | null} null where nothing can be weighed
   */
  const weighted = (text, start, end, direction, steps) => {
    const tag = networkAround(text, start, end);
    if (tag) return renetworked(text, tag, direction * steps.network);
    const change = direction * steps.weight;
    let group = groupAround(text, start, end);
    if (group) return reweighted(text, group, change);
    [start, end] = chosenWords(text, start, end);
    group = groupAround(text, start, end);
    if (group && start < end) return reweighted(text, group, change);
    if (start === end) return null;
    const words = text.slice(start, end);
    const put = `(${words}:${written(1 + change)})`;
    return { text: text.slice(0, start) + put + text.slice(end), start: start + 1, end: start + 1 + words.length };
  };

  /** Where the parts of a prompt are that commas and line breaks part, those in brackets left out. */
  const partsOf = (text) => {
    const closed = bracketPairs(text);
    const tags = [...text.matchAll(/<[^<>\n]*>/g)].map((match) => ({
      from: match.index,
      to: match.index + match[0].length,
    }));
    const isOpen = (at) => ![...closed, ...tags].some((pair) => pair.from < at && at < pair.to);
    const parts = [];
    let from = 0;
    for (let at = 0; at <= text.length; at += 1) {
      if (at < text.length && !((text[at] === "," || text[at] === "\n") && isOpen(at))) continue;
      const piece = text.slice(from, at);
      const words = piece.trim();
      const first = from + (words ? piece.length - piece.trimStart().length : 0);
      parts.push({ from: first, to: first + words.length, wide: from, end: at });
      from = at + 1;
    }
    return parts;
  };

  /**
   * The text with the part at the caret, or the selected ones, moved past a neighbour.
   * @param {string} text @param {number} start @param {number} end @param {1 | -1} direction @returns {Edit | null}
   */
  const moved = (text, start, end, direction) => {
    const all = partsOf(text);
    const parts = all.filter((part) => part.from < part.to);
    const touches = (part) => part.wide <= Math.max(start, end - (end > start ? 1 : 0)) && part.end >= start;
    const first = parts.findIndex(touches);
    if (first < 0) return null;
    let last = first;
    while (last + 1 < parts.length && touches(parts[last + 1])) last += 1;
    const other = parts[direction < 0 ? first - 1 : last + 1];
    if (!other) return null;
    const [left, right] =
      direction < 0
        ? [other, { from: parts[first].from, to: parts[last].to }]
        : [{ from: parts[first].from, to: parts[last].to }, other];
    const between = text.slice(left.to, right.from);
    const [one, two] = [text.slice(left.from, left.to), text.slice(right.from, right.to)];
    const put = text.slice(0, left.from) + two + between + one + text.slice(right.to);
    const shift = direction < 0 ? left.from - right.from : two.length + between.length;
    const [low, high] = [parts[first].from, parts[last].to];
    const held = (at) => Math.max(low, Math.min(high, at)) + shift;
    return { text: put, start: held(start), end: held(end) };
  };

  /**
   * Puts an edit into a text field as if it were typed, so that it can be undone with the browser's own keys.
   * @param {HTMLTextAreaElement} field @param {Edit | null} edit
   */
  const applyEdit = (field, edit) => {
    if (!edit) return;
    const before = field.value;
    if (before !== edit.text) {
      let [head, tail] = [0, 0];
      const shorter = Math.min(before.length, edit.text.length);
      while (head < shorter && before[head] === edit.text[head]) head += 1;
      while (tail < shorter - head && before.at(-1 - tail) === edit.text.at(-1 - tail)) tail += 1;
      const put = edit.text.slice(head, edit.text.length - tail);
      field.focus();
      field.setSelectionRange(head, before.length - tail);
      // Deprecated, and still the only way that a browser's own undo knows of.
      const isDone = document.execCommand(put ? "insertText" : "delete", false, put);
      if (!isDone || field.value !== edit.text) {
        field.setRangeText(edit.text, 0, field.value.length, "end");
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      }
    }
    field.setSelectionRange(edit.start, edit.end);
  };

  /** The prompt box that an element is, or null. @param {EventTarget | null} element */
  const promptBox = (element) => {
    if (!(element instanceof HTMLTextAreaElement) || element.readOnly || element.disabled) return null;
    return /(^|-)prompt$/.test(element.closest(".block")?.id || "") ? element : null;
  };

  window.atelier = Object.assign(window.atelier || {}, { promptKeys: { weighted, moved, applyEdit, promptBox } });
})();
