// While jobs run: their share in the page's title and on its icon; when all are done, what somebody chose to be told by.
(() => {
  const KEPT = "atelier-alerts";
  let usualTitle = "";
  const CHOICES = {
    notify: {
      label: "Notify me when my jobs are done",
      help: "A message of your browser, when you are looking at something else.",
    },
    sound: { label: "Play a sound", help: "Two short tones at the end." },
    awake: { label: "Keep the screen on", help: "While a job runs and this page is visible." },
  };

  const chosen = (() => {
    try {
      return { notify: false, sound: false, awake: false, ...JSON.parse(localStorage.getItem(KEPT)) };
    } catch {
      return { notify: false, sound: false, awake: false };
    }
  })();
  const now = { count: 0, running: false, share: null };
  let isMarked = false;
  let done = { total: 0, failed: 0, last: "" };

  // --- Title and icon

  const percent = () => (now.share === null ? "" : `${Math.floor(now.share * 100)} %`);
  const title = () => {
    usualTitle ||= document.title;
    if (now.running) return `${percent() || "…"} · ${usualTitle}`;
    return isMarked ? `✓ ${usualTitle}` : usualTitle;
  };

  let icon = null;
  let usualIcon = null;
  let paintedShare = -1;

  const iconLink = () => {
    icon ||= document.querySelector("link[rel~=icon]") || document.head.appendChild(document.createElement("link"));
    usualIcon ??= icon.getAttribute("href") || "favicon.ico";
    icon.rel = "icon";
    return icon;
  };

  /** @param {number} share of a ring, from 0 to 1 */
  const paintedIcon = (share) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 32;
    const pen = canvas.getContext("2d");
    pen.lineWidth = 7;
    for (const [colour, end] of [["#8884", 1], [share < 1 ? "#6d5ae6" : "#1f9d55", share]]) {
      pen.strokeStyle = colour;
      pen.beginPath();
      pen.arc(16, 16, 12, -Math.PI / 2, -Math.PI / 2 + end * 2 * Math.PI);
      pen.stroke();
    }
    return canvas.toDataURL();
  };

  const paintIcon = () => {
    const share = now.running ? Math.round((now.share || 0) * 20) / 20 : isMarked ? 1 : -1;
    if (share === paintedShare) return;
    paintedShare = share;
    const link = iconLink();
    link.href = share < 0 ? usualIcon : paintedIcon(share);
  };

  const paint = () => {
    if (document.title !== title()) document.title = title();
    paintIcon();
  };

  // --- Sound

  let audio = null;

  const chime = () => {
    audio ||= new AudioContext();
    audio.resume();
    for (const [frequency, delay] of [[659, 0], [880, 0.16]]) {
      const tone = new OscillatorNode(audio, { frequency, type: "sine" });
      const volume = new GainNode(audio, { gain: 0 });
      const start = audio.currentTime + delay;
      volume.gain.setValueAtTime(0, start);
      volume.gain.linearRampToValueAtTime(0.18, start + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, start + 0.5);
      tone.connect(volume).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.55);
    }
  };

  // Browsers let a page be heard only after somebody touched it.
  const unlock = () => {
    if (chosen.sound) (audio ||= new AudioContext()).resume();
  };
  document.addEventListener("pointerdown", unlock, { once: true });

  // --- Screen

  let lock = null;
  let isAsked = false;

  const staysAwake = () => chosen.awake && now.running && !document.hidden;
  const letSleep = () => {
    const held = lock;
    lock = null;
    held?.release();
  };

  const keepAwake = async () => {
    if (!staysAwake()) return letSleep();
    if (lock || isAsked || !navigator.wakeLock) return undefined;
    isAsked = true; // news of the job come faster than the answer, and a second lock would never be let go
    const given = await navigator.wakeLock.request("screen").catch(() => null);
    isAsked = false;
    given?.addEventListener("release", () => lock === given && (lock = null));
    lock = given;
    return staysAwake() ? undefined : letSleep();
  };

  // --- Messages

  const words = ({ total, failed }, error) => {
    if (failed && total === failed) return total === 1 ? error || "Your job failed." : `${total} jobs failed.`;
    if (failed) return `${total} jobs are over, ${failed} of them failed.`;
    return total === 1 ? "Your picture is ready." : `${total} jobs are done.`;
  };

  const notify = async (ended) => {
    if (!chosen.notify || !("Notification" in window) || Notification.permission !== "granted") return;
    const job = await window.atelier.pictures.ask(`jobs/${ended.last}`).catch(() => null);
    const picture = job?.pictures?.[0]?.thumbnail;
    const message = new Notification("Atelier", {
      body: words(ended, job?.error),
      tag: "atelier-done",
      ...(picture ? { icon: new URL(picture.replace(/^\//, ""), window.location.href).href } : {}),
    });
    message.addEventListener("click", () => {
      window.focus();
      message.close();
    });
  };

  /** @param {{id: string, state: string}} ended a job that is over; what was cancelled is no news */
  const count = ({ id, state }) => {
    if (state === "cancelled") return;
    done = { total: done.total + 1, failed: done.failed + (state === "failed"), last: id };
  };

  const allDone = () => {
    const ended = done;
    done = { total: 0, failed: 0, last: "" };
    if (!ended.total) return;
    if (chosen.sound) chime();
    if (!document.hidden) return;
    isMarked = true;
    notify(ended);
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) isMarked = false;
    paint();
    keepAwake();
  });

  const taken = ({ ended, ...rest }) => {
    Object.assign(now, rest);
    if (ended) count(ended);
    if (!now.count) allDone();
    paint();
    keepAwake();
  };

  // --- Choosing

  const SECURE = "Your browser offers this over HTTPS and on the server's own computer only.";

  /** What stands against a choice, as a sentence; "" where nothing does. */
  const hindrance = (name) => {
    if (name === "notify" && !("Notification" in window && window.isSecureContext)) return SECURE;
    if (name === "notify" && Notification.permission === "denied")
      return "Your browser was told to show no messages of this page. Its settings for this site change that.";
    if (name === "awake" && !navigator.wakeLock) return SECURE;
    return name === "sound" && !window.AudioContext ? "Your browser has no sound." : "";
  };

  const choose = async (name, on) => {
    if (name === "notify" && on && Notification.permission === "default") await Notification.requestPermission();
    chosen[name] = on && !hindrance(name);
    localStorage.setItem(KEPT, JSON.stringify(chosen));
    if (name === "sound" && chosen.sound) chime();
    keepAwake();
    document.querySelectorAll(".status-bell").forEach(markBell);
    fillPanel();
  };

  let panel = null;

  const row = (name) => {
    const { label, help } = CHOICES[name];
    const line = document.createElement("label");
    line.className = "alerts-choice";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.name = name;
    box.addEventListener("change", () => choose(name, box.checked));
    const text = document.createElement("span");
    const said = document.createElement("small");
    text.append(Object.assign(document.createElement("b"), { textContent: label }), said);
    said.textContent = help;
    line.append(box, text);
    return line;
  };

  function fillPanel() {
    for (const box of panel?.querySelectorAll("input") || []) {
      const problem = hindrance(box.name);
      box.checked = chosen[box.name] && !problem;
      box.disabled = Boolean(problem);
      box.parentElement.querySelector("small").textContent = problem || CHOICES[box.name].help;
    }
  }

  const isTold = () => (chosen.notify && !hindrance("notify")) || chosen.sound || chosen.awake;

  /** @param {HTMLButtonElement} bell */
  const markBell = (bell) => bell.setAttribute("data-on", isTold() ? "yes" : "no");

  /** @param {HTMLButtonElement} bell opens the choices below it */
  const openPanel = (bell) => {
    if (!panel) {
      panel = document.createElement("div");
      panel.className = "floating alerts";
      panel.setAttribute("role", "group");
      panel.setAttribute("aria-label", "While jobs run");
      panel.append(...Object.keys(CHOICES).map(row));
    }
    fillPanel();
    window.atelier.float(panel, bell);
    panel.querySelector("input:not(:disabled)")?.focus();
  };

  window.atelier.watchJobs(taken);
  Object.assign(window.atelier, {
    /** @param {HTMLButtonElement} bell a button that is to open what one is told by */
    addBell(bell) {
      markBell(bell);
      bell.addEventListener("click", () => openPanel(bell));
    },
  });
})();
