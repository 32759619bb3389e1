// The page in the language of whoever reads it. Texts are written in English, and looked up as they appear: by the text
// itself, then with its numbers as {}, then among the patterns with {name}, then in parts: sentences, and what stands
// between dots. What people typed (translate="no", and what stands in fields) is left alone.
(() => {
  const CHOSEN = "atelier-language";
  const NAMES = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語", zh: "中文" };
  const ATTRIBUTES = ["title", "placeholder", "aria-label", "alt", "data-changed"];
  const NOT_OURS = "[translate=no], script, style, svg, .notranslate, .gallery-item";
  const LEFT_ALONE = [NOT_OURS, "textarea", "pre", "code"].join();
  const NUMBER = /\d+(?:[.,]\d+)*/g;
  const GROUPED = /^\d{1,3}(,\d{3})+$/;
  /** A number with decimals before its unit; others may be versions. */
  const MEASURE =
    /(?<![\d.,])(\d+)\.(\d{1,2})(?= ?(?:ms|s|min|h|seconds?|minutes?|hours?|[KMGT]i?B|px|megapixels|%|×)(?![\p{L}\d]))/gu;
  const DOT = " · ";
  const MOST_REMEMBERED = 5000;
  /** Longer ones are no texts of ours. */
  const MOST_CHARACTERS = 4000;
  const MOST_SENTENCES = 24;
  /** Texts within texts: a refusal that names a reason which names a label. */
  const DEEPEST = 3;
  const SENTENCE_END = /[.?!](?= )/;
  const MOST_WORDS_OF_A_LABEL = 8;
  /** What the server quotes ends at the quote, whatever words are inside. */
  const QUOTED = /(['"])(?:\\.|(?!\1)[^\\])*\1/suy;
  const QUOTES_IN_TEXT = /(?<=^|[\s(,:<=-])(['"])(?:\\.|(?!\1)[^\\])*\1(?!\p{L})/gsu;

  let words = null;
  let patterns = [];
  /** Those patterns that a text with a certain first letter may have. @type {Map<string, object[]>} */
  const byLetter = new Map();
  let grouping = new Intl.NumberFormat("en");
  let decimalMark = ".";
  let fullStop = ".";
  let answers = new Map();
  const missing = new Set();
  /** English texts of nodes and attributes that show something else now. @type {WeakMap<Node, Object<string, string>>} */
  const written = new WeakMap();

  const preferred = () => {
    const wanted = [localStorage.getItem(CHOSEN), ...(navigator.languages || [])].filter(Boolean);
    return wanted.map((one) => one.toLowerCase().split("-")[0]).find((one) => one in NAMES) || "en";
  };

  /** A key with {name} in it as what stands between its placeholders. */
  const patternOf = ([key, value]) => {
    const parts = key.split(/\{(\w+)\}/);
    const between = parts.filter((_, place) => place % 2 === 0);
    const names = parts.filter((_, place) => place % 2);
    const fixed = between.join("");
    return { between, names, value, length: fixed.length, hasWords: /\p{L}{2}/u.test(fixed) };
  };

  /** Whether a placeholder stands for words of ours: {text}, {..._text}. */
  const isOurs = (name) => /(^|_)text$/.test(name);

  /** Where a value ends that begins at `from` and has `next` behind it; -1 where that does not follow. */
  const endOfValue = (text, from, next, name) => {
    QUOTED.lastIndex = from;
    if (QUOTED.test(text) && text.startsWith(next, QUOTED.lastIndex)) return QUOTED.lastIndex;
    let best = text.indexOf(next, from + 1);
    if (!isOurs(name)) return best;
    for (let end = best, tries = 0; end !== -1 && tries < MOST_WORDS_OF_A_LABEL; tries++) {
      if (words[text.slice(from, end)] !== undefined) best = end;
      end = text.indexOf(next, end + 1);
    }
    return best;
  };

  /** What a text has at the placeholders of a pattern, read in one go; null where it is another text. */
  const readWith = (text, { between, names }) => {
    const last = between.length - 1;
    const end = text.length - between[last].length;
    if (!text.startsWith(between[0]) || !text.endsWith(between[last])) return null;
    const found = [];
    let from = between[0].length;
    for (let place = 1; place <= last; place++) {
      const to = place === last ? end : endOfValue(text, from, between[place], names[place - 1]);
      if (to <= from || to > end) return null;
      found.push(text.slice(from, to));
      from = to + between[place].length;
    }
    return found;
  };

  /** What stands for a placeholder; null for words that are not known. */
  const fillingOf = (name, found, depth) => {
    if (isOurs(name)) return lookedUp(found, depth + 1);
    return name === "name" ? found : localNumber(found);
  };

  const filledIn = (text, given) => text.replace(/\{(\w*)\}/g, (all, name) => (given[name] === undefined ? all : given[name]));

  /** 12,345 as it is written here; others may be versions and stay. */
  const localNumber = (number) => (GROUPED.test(number) ? grouping.format(Number(number.replaceAll(",", ""))) : number);

  /** "3.5 s" with the decimal mark of the language. */
  const measured = (text) => (decimalMark === "." ? text : text.replace(MEASURE, `$1${decimalMark}$2`));

  const byNumbers = (text) => {
    const numbers = text.match(NUMBER) || [];
    if (!numbers.length) return null;
    const value = words[text.replace(NUMBER, "{}")];
    if (value === undefined) return null;
    let place = 0;
    return value.replace(/\{\}/g, () => localNumber(numbers[place++] ?? ""));
  };

  /** Whether a pattern reads a text for certain: by words of ours, and without a value that runs over sentences. */
  const isCertain = ({ names }, found, given) =>
    names.some(isOurs) && names.every((name, place) => (isOurs(name) ? given[place] !== null : !/[.?!] /.test(found[place])));

  const patternsFor = (letter) => {
    const mayBegin = ({ between }) => !between[0] || between[0].startsWith(letter);
    if (!byLetter.has(letter)) byLetter.set(letter, patterns.filter(mayBegin));
    return byLetter.get(letter);
  };

  const byPattern = (text, depth, isWanted = () => true) => {
    for (const pattern of patternsFor(text[0])) {
      const found = readWith(text, pattern);
      if (!found) continue;
      const { names, value, hasWords } = pattern;
      const given = names.map((name, place) => fillingOf(name, found[place], depth));
      // Marks alone stand in texts of people as well, and what begins with any label reads almost everything.
      if (!hasWords && !names.some((name, place) => isOurs(name) && given[place] !== null)) continue;
      if (hasWords && !pattern.between[0] && isOurs(names[0]) && given[0] === null) continue;
      if (!isWanted(pattern, found, given)) continue;
      return filledIn(value, Object.fromEntries(names.map((name, place) => [name, given[place] ?? found[place]])));
    }
    return null;
  };

  const withoutStop = (text) => text.replace(/[.。]$/, "");
  const withStop = (text) => text + fullStop;

  /** A sentence, which may lack its full stop, or have one that its text has not. */
  const bySentence = (text, depth) => {
    const found = words[text] ?? byNumbers(text) ?? byPattern(text, depth);
    if (found !== null) return found;
    const isEnded = text.endsWith(".");
    const other = isEnded ? text.slice(0, -1) : `${text}.`;
    const near = words[other] ?? byNumbers(other) ?? byPattern(other, depth);
    return near && (isEnded ? withStop(near) : withoutStop(near));
  };

  /** A text of the same length in which nothing stands in quotes. */
  const withoutQuotes = (text) => text.replace(QUOTES_IN_TEXT, (all) => "_".repeat(all.length));

  /** Sentences one after another, each of which is a text of ours; else null. */
  const bySentences = (text, depth) => {
    const ends = [...withoutQuotes(text).matchAll(new RegExp(SENTENCE_END, "g"))].map((one) => one.index + 1);
    if (!ends.length || ends.length >= MOST_SENTENCES) return null;
    ends.push(text.length);
    const known = new Map([[text.length + 1, []]]);
    const from = (start) => {
      if (!known.has(start)) known.set(start, sentencesFrom(start));
      return known.get(start);
    };
    const sentencesFrom = (start) => {
      for (const end of ends) {
        const first = end > start ? bySentence(text.slice(start, end), depth) : null;
        const others = first && from(end + 1);
        if (others) return [first, ...others];
      }
      return null;
    };
    return from(0)?.join(fullStop === "." ? " " : "") ?? null;
  };

  /** "Steps: 20", "Models 3": of a name and its value the name, and the value where it is a word of ours. */
  const byName = (text) => {
    const [, name, between, value] = /^([^:]{2,60})(: | (?=\d+$))(.{1,40})$/s.exec(text) || [];
    return words[name] === undefined ? null : words[name] + between + (words[value] ?? value);
  };

  /** Parts with a dot between them are texts of their own. */
  const byParts = (text) => (withoutQuotes(text).includes(DOT) ? text.split(DOT).map(translated).join(DOT) : null);

  /** What the server tells quotes values, which may have dots in them. */
  const byMessage = (text, depth) => {
    if (!SENTENCE_END.test(text)) return /[.?!)]$/.test(text) ? byPattern(text, depth) : null;
    return byPattern(text, depth, isCertain) ?? bySentences(text, depth) ?? byPattern(text, depth);
  };

  const lookedUp = (text, depth = 0) => {
    if (!text) return null;
    const whole = words[text] ?? byNumbers(text);
    if (whole !== null || text.length > MOST_CHARACTERS || depth > DEEPEST) return whole;
    return byMessage(text, depth) ?? byParts(text) ?? byPattern(text, depth) ?? byName(text);
  };

  /** A single small word is a value or a name, and what begins like SDXL or SD 1 is a kind of model. */
  const isProse = (text) => /\s|^\p{Lu}/u.test(text) && !/^\p{Lu}{2}/u.test(text);

  /** @param {string} text one line of English @returns {string} */
  const translated = (text) => {
    if (!words) return text;
    if (!/\p{L}{2}/u.test(text)) return measured(text);
    if (!answers.has(text)) {
      const found = words[text] ?? lookedUp(measured(text));
      if (found === null && isProse(text)) missing.add(text);
      if (answers.size >= MOST_REMEMBERED) answers.clear();
      answers.set(text, measured(found ?? text));
    }
    return answers.get(text);
  };

  /** A text in one line, or each of its lines by itself. */
  const ofLines = (text) => {
    const line = text.replace(/\s+/g, " ");
    if (!text.includes("\n") || (words[line] ?? byNumbers(line)) !== null) return translated(line);
    return text.split("\n").map(around).join("\n");
  };

  const around = (text) => {
    const [, before, inner, after] = /^(\s*)(.*?)((?:\s+[·|])?\s*)$/s.exec(text);
    return before + ofLines(inner) + after;
  };

  /** Put a text in its place; `read` and `write` reach it. Our own writing is told from the page's by what it wrote. */
  const put = (node, place, read, write) => {
    const now = read();
    if (!now) return;
    const known = written.get(node) || {};
    const english = known[place] && known[place].shown === now ? known[place].english : now;
    const shown = words ? around(english) : english;
    if (shown === now && english === now) return;
    written.set(node, { ...known, [place]: { english, shown } });
    if (shown !== now) write(shown);
  };

  /** @param {Element} element with one text in it @returns {string} */
  const english = (element) => {
    const nodes = [...element.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE);
    return nodes.map((node) => (written.get(node)?.text?.shown === node.data ? written.get(node).text.english : node.data)).join("").trim();
  };

  const putText = (node) => put(node, "text", () => node.data, (text) => (node.data = text));

  const putAttributes = (element) => {
    for (const name of ATTRIBUTES)
      if (element.hasAttribute(name))
        put(element, name, () => element.getAttribute(name), (text) => element.setAttribute(name, text));
  };

  /** What closed lists show: gradio writes it as the value of a field. Where somebody types, it is as gradio knows it. */
  const putChoices = () => {
    for (const field of document.querySelectorAll("input[role=combobox]"))
      if (field.readOnly || field !== document.activeElement)
        put(field, "value", () => field.value, (text) => (field.value = text));
  };
  const giveBack = ({ target }) => {
    const { shown, english: before } = (target.matches?.("input[role=combobox]") && written.get(target)?.value) || {};
    if (!target.readOnly && shown !== undefined && target.value === shown) target.value = before;
  };
  const putChoicesSoon = () => setTimeout(putChoices, 60);

  const isLeftAlone = (element) => !element || element.closest(LEFT_ALONE) !== null;

  const walk = (root) => {
    if (root.nodeType === Node.TEXT_NODE) return isLeftAlone(root.parentElement) ? undefined : putText(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return undefined;
    if (root.closest(NOT_OURS)) return undefined;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) => {
      if (node.nodeType === Node.ELEMENT_NODE && node.matches(NOT_OURS)) return NodeFilter.FILTER_REJECT;
      return NodeFilter.FILTER_ACCEPT;
    });
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
      if (node.nodeType === Node.ELEMENT_NODE) putAttributes(node);
      else if (!node.parentElement.matches("textarea, pre, code")) putText(node);
    }
    return undefined;
  };

  const observer = new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "childList") addedNodes.forEach(walk);
      else if (type === "characterData") walk(target);
      else if (!target.closest(NOT_OURS)) putAttributes(target);
    }
  });

  const read = async (language) => {
    if (language === "en") return null;
    const answer = await fetch(`locales/${language}.json`);
    if (!answer.ok) throw new Error(`there is no ${language}`);
    return Object.assign(Object.create(null), await answer.json());
  };

  const show = async (language) => {
    try {
      words = await read(language);
    } catch (error) {
      console.warn(`The page stays English: ${error.message}`);
      words = null;
    }
    const named = Object.entries(words || {}).filter(([key]) => /\{\w+\}/.test(key));
    patterns = named.map(patternOf).sort((one, other) => other.length - one.length);
    byLetter.clear();
    answers = new Map();
    grouping = new Intl.NumberFormat(words ? language : "en");
    decimalMark = new Intl.NumberFormat(words ? language : "en").formatToParts(1.5).find((one) => one.type === "decimal").value;
    fullStop = words && /^(ja|zh)$/.test(language) ? "。" : ".";
    missing.clear();
    document.documentElement.lang = words ? language : "en";
    walk(document.body);
    putChoices();
    if (words)
      observer.observe(document.body, {
        childList: true,
        subtree: true,
        characterData: true,
        attributeFilter: ATTRIBUTES,
      });
    else observer.disconnect();
  };

  window.atelier.languages = {
    names: NAMES,
    current: preferred,
    /** @param {string} language one of `names` */
    choose(language) {
      localStorage.setItem(CHOSEN, language);
      return show(language);
    },
    english,
    /** As chosen, or as the browser asks for. */
    show: () => show(preferred()),
    /** English texts that were shown for want of a translation. */
    missing: () => [...missing],
    translated,
  };

  for (const kind of ["click", "keyup", "focusout", "atelier-form"])
    document.addEventListener(kind, () => words && putChoicesSoon(), true);

  document.addEventListener("focusin", giveBack, true);

  const start = () => {
    if (preferred() !== "en") show(preferred());
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
