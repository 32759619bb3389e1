// A view of something large that is moved and enlarged by wheel, pointer, fingers and keys.
(() => {
  const MOST = 16;
  const MOST_AT_FIRST = 4;
  const SWIPE = 56;
  const DOUBLE = 320;
  const isNear = (a, b) => Math.abs(a - b) < 0.001 * Math.max(a, b);

  /** What is seen through a stage: `scale` is page pixels per picture pixel, `x`, `y` the way from centre to centre. */
  class Zoom {
    /**
     * @param {HTMLElement} stage
     * @param {{paint: (zoom: Zoom) => void, swiped?: (direction: "left" | "right" | "down") => void}} told
     */
    constructor(stage, { paint, swiped = () => undefined }) {
      Object.assign(this, { stage, paint, swiped, width: 1, height: 1, scale: 1, x: 0, y: 0, isFit: true });
      this.pointers = new Map();
      this.lastTap = 0;
      stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      stage.addEventListener("pointerdown", (event) => this.down(event));
      stage.addEventListener("pointermove", (event) => this.move(event));
      for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.up(event));
      this.watcher = new ResizeObserver(() => (this.isFit ? this.fit() : this.show()));
      this.watcher.observe(stage);
    }

    /** Of what is looked at, in its own pixels. */
    take(width, height) {
      [this.width, this.height] = [width || 1, height || 1];
      this.fit();
    }

    get fitScale() {
      const { clientWidth, clientHeight } = this.stage;
      return Math.min(clientWidth / this.width, clientHeight / this.height, MOST_AT_FIRST) || 1;
    }

    get actualScale() {
      return 1 / (window.devicePixelRatio || 1);
    }

    fit() {
      Object.assign(this, { scale: this.fitScale, x: 0, y: 0, isFit: true });
      this.paint(this);
    }

    /** Between the whole of it and one picture pixel for each of the screen's. */
    toggle(clientX, clientY) {
      if (!this.isFit || isNear(this.fitScale, this.actualScale)) this.fit();
      else this.zoomTo(this.actualScale, clientX, clientY);
    }

    by(factor, clientX, clientY) {
      this.zoomTo(this.scale * factor, clientX, clientY);
    }

    /** What lies below the point stays there. */
    zoomTo(wanted, clientX, clientY) {
      const box = this.stage.getBoundingClientRect();
      const fromX = (clientX ?? box.left + box.width / 2) - box.left - box.width / 2;
      const fromY = (clientY ?? box.top + box.height / 2) - box.top - box.height / 2;
      const least = Math.min(this.fitScale, this.actualScale);
      const scale = Math.min(MOST, Math.max(least, wanted));
      const share = scale / this.scale;
      this.x = fromX - (fromX - this.x) * share;
      this.y = fromY - (fromY - this.y) * share;
      this.scale = scale;
      this.isFit = isNear(scale, this.fitScale);
      this.show();
    }

    pan(x, y) {
      this.x += x;
      this.y += y;
      this.show();
    }

    /** Keeps it from leaving the stage. */
    show() {
      const roomX = Math.max(0, (this.width * this.scale - this.stage.clientWidth) / 2);
      const roomY = Math.max(0, (this.height * this.scale - this.stage.clientHeight) / 2);
      this.x = Math.min(roomX, Math.max(-roomX, this.x));
      this.y = Math.min(roomY, Math.max(-roomY, this.y));
      this.paint(this);
    }

    /** @param {HTMLElement} layer is put where the view has it; it lies in the middle of the stage */
    place(layer) {
      layer.style.width = `${this.width}px`;
      layer.style.height = `${this.height}px`;
      layer.style.transform = `translate(-50%, -50%) translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
      layer.style.imageRendering = this.scale >= 3 && !this.isFit ? "pixelated" : "auto";
    }

    wheel(event) {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.by(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX, event.clientY);
    }

    down(event) {
      if (event.button !== 0 || event.target.closest("button, input, a")) return;
      this.stage.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, fromX: event.clientX, fromY: event.clientY });
      this.isPinched = this.pointers.size > 1;
    }

    move(event) {
      const before = this.pointers.get(event.pointerId);
      if (!before) return;
      const span = this.span();
      const [movedX, movedY] = [event.clientX - before.x, event.clientY - before.y];
      Object.assign(before, { x: event.clientX, y: event.clientY });
      if (this.pointers.size === 1) {
        this.pan(movedX, movedY);
        return;
      }
      const now = this.span();
      this.pan(movedX / 2, movedY / 2);
      if (span.length > 0) this.by(now.length / span.length, now.x, now.y);
    }

    span() {
      const [a, b = a] = [...this.pointers.values()];
      return { length: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    }

    up(event) {
      const last = this.pointers.get(event.pointerId);
      if (!last) return;
      this.pointers.delete(event.pointerId);
      const [x, y] = [last.x - last.fromX, last.y - last.fromY];
      if (this.isPinched || event.type === "pointercancel") return;
      if (Math.hypot(x, y) < 8) this.tapped(event);
      else if (this.isFit && event.pointerType === "touch") this.swipe(x, y);
    }

    /** By time and not by the browser's double click, which a captured pointer loses on some touch screens. */
    tapped(event) {
      const isDouble = event.timeStamp - this.lastTap < DOUBLE;
      this.lastTap = isDouble ? 0 : event.timeStamp;
      if (isDouble) this.toggle(event.clientX, event.clientY);
    }

    swipe(x, y) {
      if (Math.abs(x) > SWIPE && Math.abs(x) > 1.4 * Math.abs(y)) this.swiped(x < 0 ? "left" : "right");
      else if (y > 1.6 * SWIPE && y > 1.4 * Math.abs(x)) this.swiped("down");
    }

    leave() {
      this.watcher.disconnect();
    }
  }

  window.atelier.Zoom = Zoom;
})();
