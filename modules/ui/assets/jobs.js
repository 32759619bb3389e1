// The jobs of whoever looks at the page, as the server tells of them: what runs, how far it is, and what has ended.
(() => {
  const { ask } = window.atelier.pictures;
  const OVER = ["done", "failed", "cancelled"];
  const MOST_LOOKED_AT = 500;
  /** Milliseconds in which the page shows by itself what somebody asked for here. */
  const OWN_CLICK = 1000;

  /** @type {Map<string, {state: string, step: number, steps: number}>} */
  const active = new Map();
  const others = new Set();
  const watchers = new Set();
  const known = { user: "", isOwner: false, isKnown: false };

  /** The one that is shown: what runs, else what waits. */
  const front = () => {
    const all = [...active.values()];
    return all.find((job) => job.state === "running") || all[0] || null;
  };

  const changed = (ended = null) => {
    const shown = front();
    const share = shown?.steps ? shown.step / shown.steps : null;
    for (const watcher of watchers) watcher({ count: active.size, running: shown?.state === "running", share, ended });
  };

  /** Of an owner's jobs those of others are no news; who asked for a job is told by the job alone. */
  const isMine = async (id) => {
    if (!known.user || !known.isOwner || active.has(id)) return true;
    if (others.has(id)) return false;
    const job = await ask(`jobs/${id}`).catch(() => null);
    if (job && job.user !== known.user) others.add(id);
    return job?.user === known.user;
  };

  /** A job that was queued elsewhere is followed as if it had been here. */
  const follow = (id) => {
    const box = document.querySelector("#submitted textarea, #submitted input");
    if (!box || box.value === id || document.querySelector(".status[data-busy=yes]")) return;
    box.value = id;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const entered = async (id, state) => {
    if (others.has(id) && OVER.includes(state)) others.delete(id);
    else if (await isMine(id)) {
      if (state === "queued") setTimeout(follow, OWN_CLICK, id);
      if (!OVER.includes(state)) active.set(id, { step: 0, steps: 0, ...active.get(id), state });
      const isEnd = OVER.includes(state) && active.delete(id);
      changed(isEnd ? { id, state } : null);
    }
  };

  const begin = (jobs) => {
    active.clear();
    for (const job of jobs) active.set(job.id, { state: job.state, step: 0, steps: 0 });
    changed();
  };

  const hear = (event, data) => {
    const job = active.get(data.job_id);
    if (event === "snapshot") begin(data.jobs.filter((one) => !known.user || one.user === known.user));
    else if (event === "state") entered(data.job_id, data.state);
    else if (event === "progress" && job) {
      Object.assign(job, { step: data.step, steps: data.steps });
      changed();
    }
  };

  const start = async () => {
    try {
      const queue = await ask(`queue?whose=mine&limit=${MOST_LOOKED_AT}`);
      Object.assign(known, { user: queue.user, isOwner: queue.is_owner, isKnown: true });
      begin(queue.jobs);
      window.atelier.listen("queue", hear, queue.event);
    } catch {
      setTimeout(start, 5000);
    }
  };

  Object.assign(window.atelier, {
    /**
     * Be told whenever one's own jobs change.
     * @param {(now: {count: number, running: boolean, share: number | null, ended: {id: string, state: string} | null}) => void} watcher
     */
    watchJobs(watcher) {
      watchers.add(watcher);
    },
    /** Who looks at the page, once that is known. */
    visitor: known,
  });
  // The page itself comes first.
  if (document.readyState === "complete") setTimeout(start, 500);
  else window.addEventListener("load", () => setTimeout(start, 500));
})();
