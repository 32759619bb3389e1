// The noise levels that a request would visit, as a curve over its steps; sigmas are drawn by their logarithms.
(() => {
  const { node, stepsOf } = window.atelier.inside;
  const HEIGHT = 264;
  const EDGE = { left: 46, right: 14, top: 22, bottom: 46 };
  const BAND = 7;
  const PREDICTIONS = { epsilon: "The noise", v_prediction: "Velocity", flow: "Flow" };

  const number = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

  /** Where each point of each pass is along the axis: skipped ones first, a gap of one step between passes. */
  const placed = (passes) => {
    let begin = 0;
    return passes.map((one) => {
      const skipped = one.skipped.map((sigma, place) => ({ x: begin + place, sigma }));
      const first = begin + one.skipped.length;
      const run = one.sigmas.map((sigma, place) => ({ x: first + place, sigma }));
      begin = first + one.sigmas.length;
      return { one, skipped, run, first };
    });
  };

  class Plot {
    constructor(panel) {
      this.panel = panel;
      this.drawing = node("div", { class: "inside-plot" });
      this.facts = node("dl", { class: "inside-facts" });
      this.legend = node("ul", { class: "inside-legend" });
      this.line = node("p", { class: "inside-line" });
      this.root = node("div", {}, this.drawing, this.facts, this.legend, this.line);
      new ResizeObserver(() => this.show()).observe(this.drawing);
    }

    show() {
      const { passes } = this.panel.state;
      if (!passes.length || !this.drawing.clientWidth) return;
      this.draw(passes, this.drawing.clientWidth);
      this.tell(passes);
    }

    scales(blocks, width) {
      const points = blocks.flatMap(({ skipped, run }) => [...skipped, ...run]);
      const above = points.map(({ sigma }) => sigma).filter((sigma) => sigma > 0);
      const [low, high] = [Math.log10(Math.min(...above)), Math.log10(Math.max(...above))];
      const last = Math.max(1, ...points.map(({ x }) => x));
      const floor = HEIGHT - EDGE.bottom;
      const span = Math.max(high - low, 0.01);
      this.x = (place) => EDGE.left + (place / last) * (width - EDGE.left - EDGE.right);
      // The end at 0 has no logarithm: it lies on the axis, a little below the smallest sigma.
      this.y = (sigma) =>
        sigma > 0 ? EDGE.top + ((high - Math.log10(sigma)) / span) * (floor - EDGE.top - 26) : floor;
      this.floor = floor;
      this.range = [low, high];
    }

    draw(passes, width) {
      const blocks = placed(passes);
      this.scales(blocks, width);
      const about = {
        viewBox: `0 0 ${width} ${HEIGHT}`,
        width,
        height: HEIGHT,
        role: "img",
        "aria-label": "The noise level at each step",
      };
      this.svg = node("svg:svg", about, ...this.grid(width), ...blocks.flatMap((block) => this.block(block)));
      this.svg.append(...this.cursor(blocks));
      this.svg.addEventListener("pointermove", (event) => this.point(event, blocks));
      this.svg.addEventListener("pointerdown", (event) => this.point(event, blocks));
      this.drawing.replaceChildren(this.svg);
      this.mark(blocks);
    }

    grid(width) {
      const lines = [];
      const tick = (y, text) =>
        node("svg:text", { class: "inside-tick", x: EDGE.left - 8, y, "text-anchor": "end" }, text);
      for (let power = Math.ceil(this.range[0]); power <= Math.floor(this.range[1]); power += 1) {
        const y = this.y(10 ** power);
        lines.push(
          node("svg:line", { class: "inside-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
          tick(y + 4, String(10 ** power)),
        );
      }
      const ends = { x1: EDGE.left, x2: width - EDGE.right, y1: this.floor, y2: this.floor };
      lines.push(node("svg:line", { class: "inside-axis", ...ends }), tick(this.floor + 4, "0"), tick(13, "sigma"));
      return lines;
    }

    block({ one, skipped, run, first }) {
      const place = ({ x, sigma }) => `${this.x(x).toFixed(1)},${this.y(sigma).toFixed(1)}`;
      const path = (points) => points.map(place).join(" ");
      const look = one.is_second ? "inside-second" : "inside-first";
      const parts = [];
      if (skipped.length) {
        const edges = { x: this.x(skipped[0].x), width: this.x(first) - this.x(skipped[0].x) };
        parts.push(
          node("svg:rect", { class: "inside-skipped", ...edges, y: EDGE.top - 8, height: this.floor - EDGE.top + 8 }),
          node("svg:polyline", { class: "inside-left-out", points: path([...skipped, run[0]]) }),
        );
      }
      parts.push(node("svg:polyline", { class: `inside-curve ${look}`, points: path(run) }));
      const radius = run.length > 60 ? 1.6 : 3;
      parts.push(
        ...run.map(({ x, sigma }) => node("svg:circle", { class: look, cx: this.x(x), cy: this.y(sigma), r: radius })),
        ...this.bands(one, first),
        ...this.switches(one, first),
        ...this.numbers(one, first),
      );
      return parts;
    }

    bands(one, first) {
      return one.guided.map((guided, step) => {
        const look = !guided ? "inside-unguided" : one.negative_left_out[step] ? "inside-halved" : "inside-guided";
        const x = this.x(first + step);
        const width = Math.max(1, this.x(first + step + 1) - x - 1);
        return node("svg:rect", { class: look, x, width, y: this.floor + 9, height: BAND, rx: 2 });
      });
    }

    switches(one, first) {
      const marks = one.changes.map((step) => {
        const x = this.x(first + step - 1);
        return node("svg:path", { class: "inside-change", d: `M${x - 5} ${EDGE.top - 14}h10l-5 8z` });
      });
      if (one.refiner_from !== null) {
        const x = this.x(first + one.refiner_from - 1);
        marks.push(node("svg:line", { class: "inside-refiner", x1: x, x2: x, y1: EDGE.top - 8, y2: this.floor }));
      }
      return marks;
    }

    numbers(one, first) {
      const steps = one.sigmas.length - 1;
      const room = Math.max(1, Math.ceil(26 / Math.max(1, this.x(1) - this.x(0))));
      const shown = Array.from({ length: steps }, (_, step) => step).filter((step) => step % room === 0);
      return shown.map((step) =>
        node(
          "svg:text",
          { class: "inside-tick", x: this.x(first + step), y: this.floor + 32, "text-anchor": "middle" },
          String(step + 1),
        ),
      );
    }

    cursor() {
      this.needle = node("svg:line", { class: "inside-needle", y1: EDGE.top - 8, y2: this.floor });
      this.bead = node("svg:circle", { class: "inside-bead", r: 6 });
      return [this.needle, this.bead];
    }

    mark(blocks) {
      const at = stepsOf(this.panel.state.passes)[this.panel.state.at];
      for (const part of [this.needle, this.bead]) part.toggleAttribute("hidden", !at);
      if (!at) return;
      const { run } = blocks[at.place];
      const x = this.x(run[at.step].x);
      this.needle.setAttribute("x1", x);
      this.needle.setAttribute("x2", x);
      this.bead.setAttribute("cx", x);
      this.bead.setAttribute("cy", this.y(run[at.step].sigma));
    }

    point(event, blocks) {
      const x = event.clientX - this.svg.getBoundingClientRect().left;
      const places = blocks.flatMap(({ run }) => run.slice(0, -1).map((one) => this.x(one.x)));
      let nearest = 0;
      places.forEach((place, step) => {
        if (Math.abs(place - x) < Math.abs(places[nearest] - x)) nearest = step;
      });
      if (places.length && nearest !== this.panel.state.at) this.panel.moveTo(nearest);
    }

    tell(passes) {
      const at = stepsOf(passes)[this.panel.state.at];
      const one = passes[at ? at.place : 0];
      const facts = at
        ? [
            ["Sigma", number(one.sigmas[at.step])],
            ["Timestep", one.timesteps[at.step].toFixed(0)],
            ["Guidance", this.guidance(one, at.step)],
          ]
        : [["Steps", "0"]];
      const predicts = PREDICTIONS[one.prediction] || one.prediction;
      facts.push(["Sampler", one.sampler], ["Schedule", one.scheduler], ["Predicts", predicts]);
      const isName = (name) => name === "Sampler" || name === "Schedule";
      const told = ([name, value]) => node("dd", { translate: isName(name) ? "no" : null }, value);
      this.facts.replaceChildren(...facts.map((one) => node("div", {}, node("dt", {}, one[0]), told(one))));
      this.legend.replaceChildren(...this.meanings(passes).map(([look, text]) => node("li", { class: look }, text)));
      this.line.textContent = passes.some((pass) => pass.own_steps)
        ? "This sampler takes the first and the last sigma, and chooses its steps between them by itself."
        : "";
    }

    guidance(one, step) {
      if (!one.guided[step]) return "Off";
      return one.negative_left_out[step] ? "Negative prompt left out" : "On";
    }

    meanings(passes) {
      const any = (test) => passes.some(test);
      const found = [];
      if (any((one) => one.skipped.length))
        found.push(["key-skipped", "Skipped: the picture to begin with stands for these steps"]);
      if (any((one) => one.is_second)) found.push(["key-second", "Second pass"]);
      if (any((one) => one.guided.includes(true))) found.push(["key-guided", "Guided by the negative prompt"]);
      if (any((one) => one.guided.includes(false))) found.push(["key-unguided", "Not guided"]);
      if (any((one) => one.negative_left_out.includes(true))) found.push(["key-halved", "Negative prompt left out"]);
      if (any((one) => one.changes.length)) found.push(["key-change", "The words change"]);
      if (any((one) => one.refiner_from !== null)) found.push(["key-refiner", "The refiner takes over"]);
      return found;
    }
  }

  window.atelier.inside.noise = (panel) => new Plot(panel);
})();
