// The Queue tab: what runs, what waits and in which order, and what is over. All of it is the server's; this is a view.
(() => {
  const { element, pictures, queueRows: rows, RowList } = window.atelier;
  const { ask, tried } = pictures;
  const PAGE = 60;
  const LEAST_REST = 400;
  const TICK = 5000;
  const EDGE = 70;
  const CLEARED = "atelier-queue-cleared";
  const MOST_HIDDEN = 500;
  const STATES = { "": "All", done: "Done", failed: "Failed", cancelled: "Cancelled" };
  const OVER = ["done", "failed", "cancelled"];

  const post = (path, body) => ask(path, { method: "POST", body });

  class QueueTab {
    /** @param {HTMLElement} root */
    constructor(root) {
      this.root = root;
      this.report = { total: 0, running: 0, paused: false, repeating: 0, ready_in: null, user: "", is_owner: false };
      this.jobs = []; // by their places among all, as far as they are known
      this.fresh = new Set(); // pages of `jobs` that are as the server has them
      this.cards = new Map();
      this.live = new Map();
      this.hearing = new Map();
      this.view = "waiting";
      this.whose = "all";
      this.dragging = null;
      this.build();
      this.past = new History(this);
      new IntersectionObserver((seen) => this.turn(seen.at(-1).isIntersecting)).observe(root);
    }

    // --- Layout

    build() {
      this.summary = element("p", "queue-summary", { role: "status" });
      this.pause = element("button", "job-button", { text: "Pause the queue", on: { click: () => this.pauseAll() } });
      this.cancel = this.armed("Cancel all", () => this.cancelAll("mine"));
      this.everybodys = this.armed("Cancel everybody's", () => this.cancelAll("all"));
      this.forever = element("button", "job-button", {
        text: "Stop generating forever",
        on: { click: () => tried(() => post("queue/stop-repeating")).then(() => this.look()) },
      });
      this.people = element("select", "queue-people", {
        "aria-label": "Whose jobs", on: { change: () => this.choosePeople() },
      }, element("option", "", { value: "all", text: "Everybody's jobs" }), element("option", "", { value: "mine", text: "My jobs" }));
      const bar = element("div", "queue-bar", {}, this.summary, this.people, this.forever, this.pause, this.cancel, this.everybodys);
      this.banner = element("p", "queue-banner", { text: "The queue is paused: no waiting job begins until it is resumed." });
      this.running = element("div", "queue-running", { role: "list", "aria-label": "Running jobs" });
      this.waiting = element("div", "queue-list queue-waiting", { "aria-label": "Waiting jobs" });
      this.empty = element(
        "div", "empty queue-empty", {},
        element("strong", "", { text: "Nothing is waiting" }),
        element("span", "", { text: "Press Generate as often as you like: each press puts a job here, and they run one after the other." }),
      );
      this.said = element("p", "queue-said", { role: "status" });
      this.marker = element("div", "queue-marker", { "aria-hidden": "true" });
      this.root.append(bar, this.banner, this.running, this.switcher(), this.said, this.waiting, this.empty);
      this.list = new RowList(this.waiting, {
        build: (id) => this.buildRow(id),
        paint: (row, job, place) => rows.paintWaiting(row, job, place, this.left(job)),
        need: (first, last) => this.need(first, last),
      });
      this.addDragging();
    }

    switcher() {
      this.tabs = {};
      const bar = element("div", "queue-views", { role: "group", "aria-label": "What is listed" });
      for (const [view, text] of [["waiting", "Waiting"], ["history", "History"]]) {
        this.tabs[view] = element("button", "queue-view", { text, on: { click: () => this.show(view) } });
        bar.append(this.tabs[view]);
      }
      return bar;
    }

    /** A button that has to be pressed twice. */
    armed(text, act) {
      let timer = 0;
      const calm = () => {
        clearTimeout(timer);
        button.dataset.armed = "no";
        button.textContent = text;
      };
      const button = element("button", "job-button job-stop", {
        text,
        on: {
          click: () => {
            if (button.dataset.armed === "yes") {
              calm();
              act();
              return;
            }
            button.dataset.armed = "yes";
            button.textContent = "Press again to cancel";
            timer = setTimeout(calm, 5000);
          },
          blur: calm,
        },
      });
      return button;
    }

    // --- When the tab is looked at

    turn(isSeen) {
      if (isSeen === Boolean(this.isSeen)) return;
      this.isSeen = isSeen;
      if (isSeen) this.begin();
      else this.end();
    }

    async begin() {
      this.list.start();
      this.past.list.start();
      await this.look();
      if (!this.isSeen || this.leave) return;
      this.leave = window.atelier.listen("queue", (event, data) => this.hear(event, data), this.report.event);
      this.timer = setInterval(() => this.list.show(), TICK);
      this.show(this.view);
    }

    end() {
      this.list.stop();
      this.past.list.stop();
      this.leave?.();
      this.leave = null;
      clearInterval(this.timer);
      for (const leave of this.hearing.values()) leave();
      this.hearing.clear();
    }

    show(view) {
      this.view = view;
      this.root.dataset.view = view;
      for (const [name, button] of Object.entries(this.tabs)) button.setAttribute("aria-pressed", String(name === view));
      if (view === "history") this.past.open();
      else this.list.show();
    }

    hear(event, data) {
      if (event === "progress") this.progress(data.job_id, { step: data.step, steps: data.steps, left: data.seconds_left });
      else if (event === "stage") this.progress(data.job_id, { stage: data.text, steps: 0 });
      else this.lookSoon();
      if (event === "state" && OVER.includes(data.state)) {
        this.live.delete(data.job_id);
        this.past.ended();
      }
    }

    progress(id, news) {
      const live = { ...this.live.get(id), ...news };
      this.live.set(id, live);
      const card = this.cards.get(id);
      if (card) rows.paintLive(card, live);
    }

    // --- What the server has

    lookSoon() {
      if (this.soon) return;
      // Where a look takes long, there are fewer of them.
      this.soon = setTimeout(() => this.look(), Math.max(LEAST_REST, 4 * (this.took || 0)));
    }

    async look() {
      clearTimeout(this.soon);
      this.soon = 0;
      if (this.dragging) return;
      const began = performance.now();
      const [first, last] = this.list.range();
      const pages = new Set([0]);
      for (let place = first; place < last; place += PAGE) pages.add(this.pageOf(place));
      if (last > first) pages.add(this.pageOf(last - 1));
      this.fresh.clear();
      const told = await Promise.all([...pages].map((page) => this.page(page)));
      this.took = performance.now() - began;
      if (told.every(Boolean)) this.paint();
    }

    pageOf(place) {
      return Math.floor((this.report.running + place) / PAGE);
    }

    async page(number) {
      const report = await tried(() => ask(`queue?whose=${this.whose}&offset=${number * PAGE}&limit=${PAGE}`));
      if (!report) return false;
      const at = performance.now();
      this.jobs.length = report.total;
      report.jobs.forEach((job, index) => (this.jobs[number * PAGE + index] = { ...job, at }));
      this.fresh.add(number);
      this.report = report;
      return true;
    }

    async need(first, last) {
      if (!this.isSeen || this.isFetching || last <= first || this.dragging) return;
      const pages = [...new Set([this.pageOf(first), this.pageOf(last - 1)])].filter((page) => !this.fresh.has(page));
      if (!pages.length) return;
      this.isFetching = true;
      const told = await Promise.all(pages.map((page) => this.page(page)));
      this.isFetching = false;
      if (told.every(Boolean)) this.paint();
    }

    /** Seconds until a job is probably done, from when that was told on. */
    left(job) {
      return job.ready_in === null ? null : Math.max(1, job.ready_in - (performance.now() - job.at) / 1000);
    }

    waitingAt(place) {
      const job = this.jobs[this.report.running + place];
      return job && { id: job.id, value: job };
    }

    // --- Painting

    paint() {
      const { total, running, paused, repeating, is_owner: isOwner, user } = this.report;
      const waiting = total - running;
      this.summary.textContent = this.summaryWords();
      this.banner.hidden = !paused;
      this.pause.hidden = !isOwner;
      this.pause.textContent = paused ? "Resume the queue" : "Pause the queue";
      this.cancel.disabled = !total;
      this.forever.hidden = !repeating;
      const hasPeople = isOwner && user !== "";
      this.people.hidden = this.everybodys.hidden = !hasPeople;
      this.root.dataset.empty = waiting ? "no" : "yes";
      this.tabs.waiting.dataset.count = waiting ? waiting.toLocaleString("en") : "";
      this.paintRunning();
      this.list.set(waiting, (place) => this.waitingAt(place));
    }

    summaryWords() {
      const { total, running, ready_in: ready } = this.report;
      if (!total) return "Nothing runs, and nothing waits.";
      const parts = [running ? `${running} running` : "Nothing runs"];
      if (total > running) parts.push(`${(total - running).toLocaleString("en")} waiting`);
      if (ready !== null) parts.push(`all ready in about ${rows.duration(ready)}`);
      return parts.join(" · ");
    }

    paintRunning() {
      const running = this.jobs.slice(0, this.report.running).filter(Boolean);
      const now = new Map();
      for (const job of running) {
        const card = this.cards.get(job.id) || this.buildCard(job.id);
        rows.paintRunning(card, job, this.live.get(job.id) || {});
        now.set(job.id, card);
        this.hearPreviews(job.id);
      }
      for (const [id, card] of this.cards) if (!now.has(id)) this.drop(id, card);
      this.cards = now;
      for (const card of now.values()) if (card.parentElement !== this.running) this.running.append(card);
    }

    drop(id, card) {
      card.remove();
      this.hearing.get(id)?.();
      this.hearing.delete(id);
    }

    hearPreviews(id) {
      if (this.hearing.has(id) || !this.isSeen) return;
      const hear = (event, data) => event === "preview" && this.progress(id, { preview: `data:image/jpeg;base64,${data.jpeg}` });
      this.hearing.set(id, window.atelier.listen(id, hear));
    }

    job(id) {
      return this.jobs.find((job) => job?.id === id);
    }

    buildCard(id) {
      return rows.buildRunning({
        skip: () => this.act(() => post(`jobs/${id}/skip`)),
        interrupt: (event) => this.interrupt(id, event.currentTarget),
        open: () => this.openPictures(id),
        more: (button) => this.more(id, button),
      });
    }

    buildRow(id) {
      const row = rows.buildWaiting({
        top: () => this.toTop(id),
        up: () => this.step(id, -1),
        down: () => this.step(id, 1),
        pause: () => this.act(() => post(`jobs/${id}/${this.job(id)?.paused ? "resume" : "pause"}`)),
        cancel: () => this.act(() => ask(`jobs/${id}`, { method: "DELETE" })),
        more: (button) => this.more(id, button),
      });
      row.dataset.job = id;
      return row;
    }

    // --- Doing

    async act(doing) {
      await tried(doing);
      await this.look();
    }

    /** After the pictures that are being made, if the server is set so; pressed again, at once. */
    interrupt(id, button) {
      button.textContent = "Interrupt now";
      return this.act(() => ask(`jobs/${id}?how=setting`, { method: "DELETE" }));
    }

    pauseAll() {
      return this.act(() => post(`queue/${this.report.paused ? "resume" : "pause"}`));
    }

    cancelAll(whose) {
      return this.act(() => post(`queue/cancel?whose=${whose}`));
    }

    choosePeople() {
      this.whose = this.people.value;
      this.jobs = [];
      this.look();
      this.past.reload();
    }

    placeOf(id) {
      return this.jobs.findIndex((job) => job?.id === id) - this.report.running;
    }

    /** @param {string} id @param {number} place of the job that it is to go before */
    async moveBefore(id, place) {
      const before = this.waitingAt(place)?.id;
      await this.act(() => post(`jobs/${id}/move`, before ? { before } : {}));
      this.tellPlace(id);
    }

    tellPlace(id) {
      const place = this.placeOf(id);
      if (place >= 0) this.said.textContent = `It is at place ${place + 1} of ${this.report.total - this.report.running} now.`;
    }

    step(id, by) {
      const place = this.placeOf(id);
      const wanted = by < 0 ? place - 1 : place + 2;
      if (place < 0 || wanted < 0 || place + by >= this.list.total) return undefined;
      return this.moveBefore(id, wanted);
    }

    toTop(id) {
      if (!this.report.is_owner) return this.placeOf(id) > 0 ? this.moveBefore(id, 0) : undefined;
      return this.act(() => post(`jobs/${id}/move`, { front: true }));
    }

    async openPictures(id) {
      const list = await tried(() => rows.picturesOf(id));
      if (list?.count()) window.atelier.lightbox.open(list, 0);
      else if (list) window.atelier.toast("The pictures of this job are in the bin, or gone.");
    }

    more(id, button) {
      const job = this.job(id);
      if (!job) return;
      const entry = (text, doing, pressed) =>
        element("button", "floating-entry", {
          text,
          role: pressed === undefined ? "menuitem" : "menuitemradio",
          "aria-checked": pressed === undefined ? null : String(pressed),
          on: {
            click: () => {
              window.atelier.closeFloating({ focuses: true });
              this.act(doing);
            },
          },
        });
      const urgency = (text, priority) =>
        entry(text, () => ask(`jobs/${id}/priority`, { method: "PUT", body: { priority } }), Math.sign(job.priority) === priority);
      const isWaiting = job.state === "queued";
      const menu = element(
        "div", "floating menu", { role: "menu", "aria-label": "More about this job" },
        entry("Queue the same once more", () => post(`jobs/${id}/duplicate`)),
        job.repeats
          ? entry("Stop generating forever", () => post(`jobs/${id}/stop-repeating`))
          : entry("Generate forever", () => post(`jobs/${id}/repeat`)),
        ...(isWaiting ? [entry("Move to the top", () => this.toTop(id))] : []),
        ...(isWaiting ? [entry(job.paused ? "Resume" : "Pause", () => post(`jobs/${id}/${job.paused ? "resume" : "pause"}`))] : []),
        ...(isWaiting ? [entry("Move to the end", () => post(`jobs/${id}/move`, {}))] : []),
        ...(isWaiting && this.report.is_owner ? [urgency("High priority", 1)] : []),
        ...(isWaiting ? [urgency("Normal priority", 0), urgency("Low priority", -1)] : []),
      );
      window.atelier.float(menu, button);
      menu.querySelector("button").focus();
    }

    // --- Dragging

    addDragging() {
      this.waiting.append(this.marker);
      this.waiting.addEventListener("pointerdown", (event) => {
        const grip = event.target.closest(".job-grip");
        if (grip && event.button === 0) this.drag(event, grip.closest(".job"));
      });
    }

    drag(event, row) {
      event.preventDefault();
      const id = row.dataset.job;
      const from = this.placeOf(id);
      if (from < 0) return;
      this.dragging = { id, from, to: from, y: event.clientY };
      row.dataset.dragged = "yes";
      row.setPointerCapture(event.pointerId);
      const follow = (moved) => {
        this.dragging.y = moved.clientY;
        this.drawDrag(row);
      };
      const end = (ended) => {
        row.removeEventListener("pointermove", follow);
        for (const kind of ["pointerup", "pointercancel"]) row.removeEventListener(kind, end);
        this.letGo(row, ended.type === "pointerup");
      };
      row.addEventListener("pointermove", follow);
      for (const kind of ["pointerup", "pointercancel"]) row.addEventListener(kind, end);
      this.rollOn(row);
    }

    drawDrag(row) {
      const exact = this.list.placeAt(this.dragging.y);
      this.dragging.to = Math.round(exact);
      row.style.transform = `translateY(${(exact - 0.5) * this.list.height}px)`;
      this.marker.style.transform = `translateY(${this.dragging.to * this.list.height}px)`;
      this.marker.dataset.shown = "yes";
    }

    /** The page scrolls while a job is held at an edge of the window. */
    rollOn(row) {
      if (!this.dragging) return;
      const { y } = this.dragging;
      const by = y < EDGE ? y - EDGE : y > window.innerHeight - EDGE ? y - window.innerHeight + EDGE : 0;
      if (by) {
        window.scrollBy(0, by / 4);
        this.drawDrag(row);
      }
      requestAnimationFrame(() => this.rollOn(row));
    }

    letGo(row, isMeant) {
      const { id, from, to } = this.dragging;
      this.dragging = null;
      delete row.dataset.dragged;
      delete this.marker.dataset.shown;
      if (!isMeant || to === from || to === from + 1) {
        this.list.show();
        return;
      }
      this.reorder(from, to);
      this.moveBefore(id, to > from ? to : to + 1);
    }

    /** At once, as it will be when the server says so. */
    reorder(from, to) {
      const { running } = this.report;
      const [job] = this.jobs.splice(running + from, 1);
      this.jobs.splice(running + (to > from ? to - 1 : to), 0, job);
      this.list.show();
    }
  }

  /** What is over, the newest first, without end. */
  class History {
    constructor(tab) {
      this.tab = tab;
      this.jobs = [];
      this.state = "";
      this.isWhole = false;
      this.cleared = this.readCleared();
      this.build();
    }

    build() {
      this.filters = element("div", "queue-filters", { role: "group", "aria-label": "Which jobs" });
      for (const [state, text] of Object.entries(STATES)) {
        const button = element("button", "queue-filter", { text, on: { click: () => this.filter(state) } });
        button.dataset.state = state;
        this.filters.append(button);
      }
      this.clear = element("button", "job-button", { text: "Clear the list", on: { click: () => this.clearAll() } });
      this.uncover = element("button", "job-button", { text: "Show what was cleared", on: { click: () => this.showCleared() } });
      const bar = element("div", "queue-past-bar", {}, this.filters, this.uncover, this.clear);
      this.rows = element("div", "queue-list queue-past", { "aria-label": "Jobs that are over" });
      this.empty = element(
        "div", "empty queue-past-empty", {},
        element("strong", "", { text: "Nothing here yet" }),
        element("span", "", { text: "Jobs that are done, failed or were cancelled are listed here." }),
      );
      this.tab.root.append(bar, this.rows, this.empty);
      this.list = new RowList(this.rows, {
        build: (id) => this.buildRow(id),
        paint: (row, job) => rows.paintOver(row, job),
        need: (first, last) => last >= this.jobs.length - PAGE / 2 && this.fetch(),
      });
    }

    open() {
      this.isOpen = true;
      this.reload();
    }

    /** What is listed stays, and may be used, until the server has answered. */
    async reload() {
      Object.assign(this, { isWhole: false, asked: (this.asked || 0) + 1, isFetching: false });
      if (this.tab.view === "history") await this.fetch();
    }

    ended() {
      clearTimeout(this.soon);
      if (this.tab.view === "history") this.soon = setTimeout(() => this.refresh(), LEAST_REST);
    }

    address(before) {
      const { whose, report } = this.tab;
      const states = (this.state ? [this.state] : OVER).map((state) => `state=${state}`).join("&");
      const user = whose === "mine" && report.user ? `&user=${encodeURIComponent(report.user)}` : "";
      return `jobs?${states}&limit=${PAGE}${user}${before ? `&before=${before}` : ""}`;
    }

    async fetch() {
      if (this.isWhole || this.isFetching) return;
      this.isFetching = true;
      const { asked } = this;
      const told = await tried(() => ask(this.address(this.last)));
      if (asked !== this.asked) return;
      this.isFetching = false;
      if (told) this.take(told.jobs, { isNext: true });
    }

    /** The newest ones, put to those that are known. */
    async refresh() {
      const { asked } = this;
      const told = await tried(() => ask(this.address()));
      if (told && asked === this.asked) this.take(told.jobs, { isNext: false });
    }

    isListed(job) {
      return job.created > this.cleared.until && !this.cleared.ids.includes(job.id);
    }

    get last() {
      return this.oldest?.asked === this.asked ? this.oldest.id : "";
    }

    take(found, { isNext }) {
      const known = this.answered === this.asked ? this.jobs : [];
      const all = new Map([...known, ...found].map((job) => [job.id, job]));
      this.jobs = [...all.values()].filter((job) => this.isListed(job)).sort((one, other) => other.created - one.created);
      this.answered = this.asked;
      if (isNext) {
        this.isWhole = found.length < PAGE || found.at(-1).created <= this.cleared.until;
        if (found.length) this.oldest = { id: found.at(-1).id, asked: this.asked };
      }
      this.paint();
      if (!this.isWhole && this.jobs.length < PAGE / 2 && isNext) this.fetch();
    }

    paint() {
      this.tab.root.dataset.past = this.jobs.length ? "some" : "none";
      for (const button of this.filters.children)
        button.setAttribute("aria-pressed", String(button.dataset.state === this.state));
      this.clear.disabled = !this.jobs.length;
      this.uncover.hidden = !this.cleared.until && !this.cleared.ids.length;
      this.list.set(this.jobs.length, (place) => {
        const job = this.jobs[place];
        return job && { id: job.id, value: job };
      });
    }

    filter(state) {
      this.state = state;
      this.reload();
    }

    buildRow(id) {
      const row = rows.buildOver({
        open: () => this.tab.openPictures(id),
        again: () => this.again(id),
        hide: () => this.hide(id),
        why: (button) => this.why(id, button),
      });
      row.dataset.job = id;
      return row;
    }

    job(id) {
      return this.jobs.find((job) => job.id === id);
    }

    async again(id) {
      const wish = this.job(id).state === "done" ? "duplicate" : "retry";
      const told = await tried(() => post(`jobs/${id}/${wish}`));
      if (told) window.atelier.toast("The job is queued.", { label: "Show the queue", act: () => this.tab.show("waiting") });
    }

    why(id, button) {
      const text = element("div", "floating job-why", { text: this.job(id).error, role: "dialog", "aria-label": "Why it failed", tabindex: "-1" });
      window.atelier.float(text, button);
      text.focus();
    }

    // What is taken off the list is so in this browser alone: jobs and pictures stay with the server.

    readCleared() {
      try {
        const kept = JSON.parse(localStorage.getItem(CLEARED));
        return { until: Number(kept.until) || 0, ids: Array.isArray(kept.ids) ? kept.ids : [] };
      } catch {
        return { until: 0, ids: [] };
      }
    }

    keepCleared(cleared) {
      this.cleared = cleared;
      localStorage.setItem(CLEARED, JSON.stringify(cleared));
      this.reload();
      this.jobs = this.jobs.filter((job) => this.isListed(job));
      this.paint();
    }

    hide(id) {
      const ids = [...this.cleared.ids, id].slice(-MOST_HIDDEN);
      this.cleared = { ...this.cleared, ids };
      localStorage.setItem(CLEARED, JSON.stringify(this.cleared));
      this.jobs = this.jobs.filter((job) => job.id !== id);
      this.paint();
    }

    clearAll() {
      this.keepCleared({ until: this.jobs[0].created, ids: [] });
    }

    showCleared() {
      this.keepCleared({ until: 0, ids: [] });
    }
  }

  // How many of one's own jobs run and wait, at the tab's name.
  window.atelier.watchJobs(({ count }) => {
    const tab = document.getElementById("queue-tab-button");
    if (count) tab?.setAttribute("data-count", String(count));
    else tab?.removeAttribute("data-count");
  });

  window.atelier.queue = { mount: (root) => new QueueTab(root) };
})();
