// What the machine is and does, asked once for all who want to know, and the line at the end of the page.
(() => {
  const { element: make } = window.atelier;
  const ADDRESS = "api/v1/machine";
  let known = null;

  /** @param {RequestInit} [how] @returns {Promise<object|null>} null where the server does not answer */
  const ask = async (path = ADDRESS, how) => {
    try {
      const answer = await fetch(path, how);
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  };

  /** @param {{fresh?: boolean}} how `fresh`: what is known already is not enough */
  const machine = ({ fresh = false } = {}) => {
    if (fresh || !known) known = ask();
    return known;
  };

  /** A time as people say it. */
  const duration = (seconds) => {
    if (seconds < 9.5) return `${Math.max(0.1, Math.round(seconds * 10) / 10)} s`;
    if (seconds < 90) return `${Math.round(seconds)} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  };

  /** Device and number formats: "bfloat16 on 2 cores", "float16 on NVIDIA ...". */
  const device = ({ device: name, precision, cores }) => {
    if (!name) return "";
    const place = name === "cpu" ? `${cores} cores` : name;
    return precision ? `${precision} on ${place}` : place;
  };

  /** One line for people. */
  const line = (now) => {
    const what = device(now);
    if (!what) return "The machine is getting ready.";
    const seconds = now.seconds_per_picture;
    if (seconds === null) return `This machine: ${what}.`;
    return `This machine: ${what}, about ${duration(seconds)} per picture.`;
  };

  /** A machine that is getting ready is asked again. */
  const ready = async () => {
    let now = await machine();
    for (let tries = 0; now && !now.device && tries < 40; tries++) {
      await new Promise((done) => setTimeout(done, 1500));
      now = await machine({ fresh: true });
    }
    return now;
  };

  const fact = (name, value) => make("span", "", { translate: "no", text: `${name} ${value}` });
  const link = (href, text) => make("a", "", { href, target: "_blank", rel: "noopener", text });

  const layFooter = async () => {
    if (document.querySelector(".page-end")) return;
    const facts = make("span", "page-end-facts");
    const links = [link("api/v1/openapi.json", "API"), link("api/v1/machine/licences", "Licences")];
    const footer = make("footer", "page-end", {}, facts, ...links);
    document.querySelector(".gradio-container > .main")?.append(footer);
    const paint = (now) => {
      const versions = { Atelier: now.version, Python: now.python, torch: now.torch, gradio: now.gradio };
      const known = Object.entries(versions).filter(([, value]) => value);
      facts.replaceChildren(...known.map(([name, value]) => fact(name, value)));
      if (now.device) facts.append(make("span", "", { text: device(now), translate: "no" }));
    };
    const first = await machine();
    if (first) paint(first);
    const now = await ready();
    if (now) paint(now);
  };

  Object.assign(window.atelier, { machine, machineReady: ready, machineLine: line, machineDuration: duration, layFooter });
  window.atelier.measureMachine = async () => {
    const now = await ask(`${ADDRESS}/measure`, { method: "POST" });
    if (now) known = Promise.resolve(now);
    return now;
  };
})();
