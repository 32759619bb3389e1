// Finished pictures as the server has them: every script of the page asks and changes them here, and hears of changes.
(() => {
  const API = "api/v1/";
  const MOST_AT_ONCE = 5000;
  const MOST_IN_A_ZIP = 1000;
  const news = new EventTarget();
  const { toast } = window.atelier;

  /**
   * Asks the native API. Throws an Error with the server's sentence.
   * @param {string} path below the API, without a leading slash
   * @param {{method?: string, body?: unknown, signal?: AbortSignal}} how
   */
  const ask = async (path, { method = "GET", body, signal } = {}) => {
    const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const answer = await fetch(API + path, { method, signal, ...json });
    const told = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return told;
    const detail = told?.detail;
    throw new Error(typeof detail === "string" ? detail : `The server answered with ${answer.status}.`);
  };

  /** Does something and tells of what goes wrong; undefined then. */
  const tried = async (doing) => {
    try {
      return await doing();
    } catch (error) {
      if (error.name !== "AbortError") toast(error.message, { problem: true });
      return undefined;
    }
  };

  /** What is asked for as the part of an address behind the question mark. */
  const asked = (filters) => {
    const given = Object.entries(filters).filter(([, value]) => value !== "" && value !== undefined && value !== null && value !== false);
    return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  };

  /** The server may be reached below a path of another. */
  const local = (address) => address.replace(/^\//, "");

  const tell = (kind, ids, values = {}) =>
    news.dispatchEvent(new CustomEvent("change", { detail: { kind, ids: new Set(ids), values } }));

  const inParts = async (path, ids, more = {}) => {
    let changed = 0;
    for (let first = 0; first < ids.length; first += MOST_AT_ONCE) {
      const part = ids.slice(first, first + MOST_AT_ONCE);
      changed += (await ask(path, { method: "POST", body: { ids: part, ...more } })).changed ?? part.length;
    }
    return changed;
  };

  let changing = Promise.resolve();

  /**
   * Marks pictures as favourites or rates them, one wish after another: the last one holds.
   * @param {number[]} ids
   * @param {{favourite?: boolean, rating?: number}} values
   */
  const change = (ids, values) =>
    (changing = changing.then(() =>
      tried(async () => {
        await inParts("pictures/change", ids, values);
        tell("changed", ids, values);
        return true;
      }),
    ));

  const restore = (ids) =>
    tried(async () => {
      const count = await inParts("pictures/restore", ids);
      tell("restored", ids);
      toast(count === 1 ? "The picture is back." : `${count.toLocaleString("en")} pictures are back.`);
      return true;
    });

  /** Puts pictures into the bin, and offers to take that back. */
  const bin = (ids) =>
    tried(async () => {
      const count = await inParts("pictures/bin", ids);
      if (count < ids.length) toast("Pictures of added folders stay where they are.");
      tell(count < ids.length ? "emptied" : "binned", ids);
      if (!count) return true;
      const text = count === 1 ? "The picture is in the bin." : `${count.toLocaleString("en")} pictures are in the bin.`;
      toast(text, { label: "Undo", act: () => restore(ids) });
      return true;
    });

  const removeForGood = (ids) =>
    tried(async () => {
      const count = await inParts("pictures/delete", ids);
      tell("deleted", ids);
      toast(count === 1 ? "The picture is deleted." : `${count.toLocaleString("en")} pictures are deleted.`);
      return true;
    });

  const emptyBin = () =>
    tried(async () => {
      await ask("pictures/bin/empty", { method: "POST" });
      tell("emptied", []);
      toast("The bin is empty.");
      return true;
    });

  const saveAs = (address, name) => {
    const link = window.atelier.element("a", "", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  };

  const nameOf = (picture) => picture.path.split("/").pop();

  const download = (picture) => saveAs(local(picture.file), nameOf(picture));

  /** Asks where to save a picture, where the browser can. */
  const save = async (picture) => {
    if (!window.showSaveFilePicker) return download(picture);
    let target;
    try {
      target = await window.showSaveFilePicker({ suggestedName: nameOf(picture) });
    } catch {
      return undefined; // nobody chose a place
    }
    return tried(async () => {
      const answer = await fetch(local(picture.file));
      if (!answer.ok) throw new Error("The picture is no longer there.");
      const stream = await target.createWritable();
      await answer.body.pipeTo(stream);
    });
  };

  const zip = (ids) => {
    if (ids.length > MOST_IN_A_ZIP) {
      toast(`At most ${MOST_IN_A_ZIP.toLocaleString("en")} pictures fit into one zip file. Choose fewer.`, { problem: true });
      return;
    }
    saveAs(`${API}pictures/zip?ids=${ids.join(",")}`, "pictures.zip");
  };

  const zipOfJob = (job) =>
    tried(async () => zip((await find({ job_id: job, limit: 500 })).pictures.map((one) => one.id)));

  const find = (filters, signal) => ask(`pictures?${asked(filters)}`, { signal });
  const parameters = (id, signal) => ask(`pictures/${id}/parameters`, { signal });

  // What forms and the queue do with pictures goes through a component of the page, which knows both.
  let desk = null;
  const actions = { sending: [], remixes: [] };
  let openDesk;
  const ready = new Promise((resolve) => (openDesk = resolve));

  const mountDesk = (props, trigger, watch) => {
    desk = { props, trigger };
    if (props.value?.sending) Object.assign(actions, props.value);
    watch("value", () => {
      const told = props.value;
      if (typeof told === "string" && told) toast(told, { problem: true });
      if (told?.remark) toast(told.remark);
    });
    openDesk(actions);
  };

  const give = (event, id, key) => {
    desk.props.value = ""; // the same answer twice is told twice
    desk.trigger(event, { id: String(id), key });
  };
  const send = (id, place) => give("select", id, place);
  const remix = (id, key) => give("submit", id, key);

  /** Copies text, also where the page has no secure address and the browser hides its clipboard. */
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text).catch(() => undefined);
    } else {
      const box = window.atelier.element("textarea", "copy-box", { readonly: true });
      box.value = text;
      (document.querySelector("dialog[open]") || document.body).append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    toast("Copied.");
  };

  window.atelier.pictures = {
    ask,
    tried,
    asked,
    find,
    parameters,
    change,
    bin,
    restore,
    removeForGood,
    emptyBin,
    download,
    save,
    zip,
    zipOfJob,
    send,
    remix,
    copy,
    local,
    nameOf,
    actions,
    ready,
    mountDesk,
    news,
    tell,
  };
})();
