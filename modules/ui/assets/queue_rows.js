// What a job looks like on the Queue tab: while it runs, while it waits, and when it is over.
(() => {
  const { element, iconButton, pictures } = window.atelier;
  const KINDS = { txt2img: "txt2img", img2img: "img2img", batch: "Batch", extras: "Extras" };
  const OUTCOMES = { done: "Done", failed: "Failed", cancelled: "Cancelled" };

  /** A time as people say it. @param {number} seconds */
  const duration = (seconds) => {
    const whole = Math.max(1, Math.round(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  };

  /** @param {number} seconds since 1970 */
  const moment = (seconds) => {
    const then = new Date(seconds * 1000);
    const isToday = then.toDateString() === new Date().toDateString();
    const day = isToday ? {} : { month: "short", day: "numeric" };
    return then.toLocaleString("en", { hour: "2-digit", minute: "2-digit", hour12: false, ...day });
  };

  const count = (number, one, many) => (number === 1 ? `1 ${one}` : `${number.toLocaleString("en")} ${many}`);

  /** What a job is, as words that stand side by side. */
  const facts = (job) =>
    [
      KINDS[job.kind],
      job.script,
      job.width && `${job.width} x ${job.height}`,
      job.wanted ? count(job.wanted, "picture", "pictures") : job.inputs && `from ${count(job.inputs, "picture", "pictures")}`,
      job.steps && `${job.steps} steps`,
      job.model,
      job.user && `by ${job.user}`,
    ].filter(Boolean);

  const titleOf = (job) =>
    job.prompt || { extras: "Pictures to process", batch: "A batch of pictures" }[job.kind] || "Without a prompt";

  const marks = (job) => [
    ...(job.paused ? ["Paused"] : []),
    ...(job.repeats && job.finished === null ? ["Forever"] : []),
    ...(job.priority > 0 ? ["High priority"] : []),
    ...(job.priority < 0 ? ["Low priority"] : []),
    ...(job.attempts > 1 ? ["Second attempt"] : []),
  ];

  const paintWords = (row, job) => {
    const title = row.querySelector(".job-title");
    title.textContent = titleOf(job);
    title.title = job.prompt;
    row.querySelector(".job-facts").replaceChildren(
      ...marks(job).map((text) => element("b", "job-mark", { text })),
      ...facts(job).map((text) => element("span", "", { text })),
    );
  };

  const words = () => [element("div", "job-title"), element("div", "job-facts")];

  const thumbnail = (id) => element("img", "", { src: `api/v1/pictures/${id}/thumbnail`, alt: "", loading: "lazy", decoding: "async" });

  /** Changes the picture only where it is another one. */
  const paintCover = (box, id) => {
    if (box.dataset.cover === String(id ?? "")) return;
    box.dataset.cover = String(id ?? "");
    box.replaceChildren(...(id ? [thumbnail(id)] : []));
  };

  // --- Running

  /** @param {{skip: Function, interrupt: Function, more: Function, open: Function}} acts */
  const buildRunning = (acts) => {
    const cover = element("button", "job-cover", { "aria-label": "Show the finished pictures", on: { click: acts.open } });
    const skip = element("button", "job-button", { text: "Skip", title: "Leave out what it makes now", on: { click: acts.skip } });
    const stop = element("button", "job-button job-stop", { text: "Interrupt", on: { click: acts.interrupt } });
    const more = iconButton("more", "More about this job", (event) => acts.more(event.currentTarget), "job-more");
    more.setAttribute("aria-haspopup", "menu");
    return element(
      "div",
      "job job-running",
      { role: "listitem" },
      cover,
      element("div", "job-words", {}, ...words(), element("div", "job-progress", { text: "Starting" }), bar()),
      element("div", "job-buttons", {}, skip, stop, more),
    );
  };

  const bar = () =>
    element(
      "div",
      "job-bar",
      { role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100" },
      element("i"),
    );

  /** @param {{step?: number, steps?: number, left?: number | null, stage?: string, preview?: string}} live */
  const progressWords = (live) => {
    if (!live.steps) return live.stage || "Starting";
    const step = live.step === live.steps ? "Finishing the picture" : `Step ${live.step} of ${live.steps}`;
    return live.left === null || live.left === undefined ? step : `${step} · ${duration(live.left)} left`;
  };

  const paintRunning = (row, job, live) => {
    paintWords(row, job);
    paintLive(row, live);
    const cover = row.querySelector(".job-cover");
    cover.disabled = !job.covers.length;
    if (!live.preview) paintCover(cover, job.covers.at(-1));
  };

  const paintLive = (row, live) => {
    const share = live.steps ? live.step / live.steps : null;
    row.querySelector(".job-progress").textContent = progressWords(live);
    const line = row.querySelector(".job-bar");
    line.dataset.share = share === null ? "unknown" : "known";
    line.firstElementChild.style.width = share === null ? "" : `${share * 100}%`;
    if (share === null) line.removeAttribute("aria-valuenow");
    else line.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    if (live.preview) paintPreview(row.querySelector(".job-cover"), live.preview);
  };

  const paintPreview = (box, address) => {
    box.dataset.cover = "live";
    const image = box.querySelector("img.live") || element("img", "live", { alt: "The picture as it looks now" });
    image.src = address;
    if (!image.isConnected) box.replaceChildren(image);
  };

  // --- Waiting

  /** @param {{up: Function, down: Function, top: Function, pause: Function, cancel: Function, more: Function}} acts */
  const buildWaiting = (acts) => {
    const grip = element("span", "job-grip", { title: "Drag to another place" }, window.atelier.icon("grip"));
    const sign = (name, label, act, look = "") => iconButton(name, label, (event) => act(event.currentTarget), `job-sign ${look}`);
    const more = sign("more", "More about this job", acts.more, "job-more");
    more.setAttribute("aria-haspopup", "menu");
    return element(
      "div",
      "job job-waiting",
      {},
      grip,
      element("span", "job-place"),
      element("div", "job-words", {}, ...words()),
      element("span", "job-ready"),
      element(
        "div",
        "job-buttons",
        {},
        sign("top", "Move to the top", acts.top, "job-wide"),
        sign("up", "Move up", acts.up),
        sign("down", "Move down", acts.down),
        sign("pause", "Pause", acts.pause, "job-wide job-pause"),
        sign("close", "Cancel", acts.cancel, "job-cancel"),
        more,
      ),
    );
  };

  const paintPause = (button, isPaused) => {
    if (button.dataset.paused === String(isPaused)) return;
    button.dataset.paused = String(isPaused);
    button.replaceChildren(window.atelier.icon(isPaused ? "play" : "pause"));
    button.title = isPaused ? "Resume" : "Pause";
    button.setAttribute("aria-label", button.title);
  };

  /** @param {number | null} left seconds until it is probably done */
  const readyWords = (left) => (left === null ? "" : `ready in ${duration(left)}`);

  const paintWaiting = (row, job, place, left) => {
    paintWords(row, job);
    row.dataset.paused = job.paused ? "yes" : "no";
    row.querySelector(".job-place").textContent = String(place + 1);
    row.querySelector(".job-ready").textContent = job.paused ? "" : readyWords(left);
    paintPause(row.querySelector(".job-pause"), job.paused);
  };

  // --- Over

  const outcome = (job) => {
    const parts = [job.started === null && job.state === "cancelled" ? "Cancelled before it began" : OUTCOMES[job.state]];
    if (job.started !== null && job.finished !== null) parts.push(`after ${duration(job.finished - job.started)}`);
    return `${parts.join(" ")} · ${moment(job.finished ?? job.created)}`;
  };

  /** @param {{open: Function, again: Function, hide: Function, why: Function}} acts */
  const buildOver = (acts) => {
    const cover = element("button", "job-cover", { "aria-label": "Show the pictures", on: { click: acts.open } });
    const again = element("button", "job-button job-again", { on: { click: acts.again } });
    const hide = iconButton("close", "Take off this list; its pictures stay", acts.hide, "job-sign");
    return element(
      "div",
      "job job-over",
      {},
      cover,
      element("div", "job-words", {}, ...words(), element("button", "job-outcome", { on: { click: (event) => acts.why(event.currentTarget) } })),
      element("div", "job-buttons", {}, again, hide),
    );
  };

  const paintOver = (row, job) => {
    paintWords(row, job);
    row.dataset.state = job.state;
    const cover = row.querySelector(".job-cover");
    cover.disabled = !job.made;
    cover.dataset.more = job.made > 1 ? String(job.made) : "";
    paintCover(cover, job.covers[0]);
    const told = row.querySelector(".job-outcome");
    told.disabled = !job.error;
    told.textContent = job.error ? `${outcome(job)} · ${job.error}` : outcome(job);
    told.title = job.error || "";
    row.querySelector(".job-again").textContent = job.state === "done" ? "Again" : "Retry";
  };

  /** The pictures of a job, for the lightbox. @param {string} job */
  const picturesOf = async (job) => {
    const found = (await pictures.find({ job_id: job, limit: 500 })).pictures;
    const all = found.sort((one, other) => one.index - other.index);
    return { count: () => all.length, get: async (place) => all[place], indexOf: (id) => all.findIndex((one) => one.id === id) };
  };

  window.atelier.queueRows = {
    duration, count, titleOf, buildRunning, paintRunning, paintLive, buildWaiting, paintWaiting, buildOver, paintOver, picturesOf,
  };
})();
