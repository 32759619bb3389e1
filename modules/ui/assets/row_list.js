// A list of any length of which only the rows that can be seen are in the document. It scrolls with the page.
(() => {
  const BEYOND = 6;

  /**
   * @typedef {object} Row
   * @property {string} id of what is shown: it keeps its element, and with it the focus
   * @property {object} value
   */

  class RowList {
    /**
     * @param {HTMLElement} root
     * @param {{build: (id: string) => HTMLElement, paint: (element: HTMLElement, value: object, place: number) => void,
     *   need: (first: number, last: number) => void}} how `need` is told which rows are to be seen
     */
    constructor(root, { build, paint, need }) {
      Object.assign(this, { root, build, paint, need, total: 0, get: () => undefined, rows: new Map(), asked: 0 });
      root.setAttribute("role", "list");
      this.follow = () => {
        cancelAnimationFrame(this.asked);
        this.asked = requestAnimationFrame(() => this.show());
      };
    }

    start() {
      window.addEventListener("scroll", this.follow, { passive: true, capture: true });
      window.addEventListener("resize", this.follow);
    }

    stop() {
      window.removeEventListener("scroll", this.follow, { capture: true });
      window.removeEventListener("resize", this.follow);
    }

    get height() {
      return parseFloat(getComputedStyle(this.root).getPropertyValue("--row")) || 80;
    }

    /** The places of the first row that can be seen and of the one behind the last. */
    range() {
      const { top } = this.root.getBoundingClientRect();
      const first = Math.floor(-top / this.height) - BEYOND;
      const last = Math.ceil((window.innerHeight - top) / this.height) + BEYOND;
      return [Math.max(0, Math.min(first, this.total)), Math.max(0, Math.min(last, this.total))];
    }

    /**
     * @param {number} total
     * @param {(place: number) => Row | undefined} get a row, if it is known already
     */
    set(total, get) {
      Object.assign(this, { total, get });
      this.root.style.height = `${total * this.height}px`;
      this.show();
    }

    show() {
      if (this.root.offsetParent === null) return;
      const [first, last] = this.range();
      const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
      const seen = new Map();
      for (let place = first; place < last; place++) {
        const row = this.get(place);
        if (row) seen.set(row.id, this.put(row, place));
      }
      for (const [id, element] of this.rows) {
        if (element.dataset.dragged) seen.set(id, element); // somebody holds it
        else if (seen.get(id) !== element) element.remove();
      }
      this.rows = seen;
      const elements = [...seen.values()];
      if (!elements.some((element) => element.dataset.dragged)) this.sort(elements);
      if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
      this.need(first, last);
    }

    put({ id, value }, place) {
      const element = this.rows.get(id) || this.build(id);
      element.setAttribute("role", "listitem");
      element.setAttribute("aria-posinset", String(place + 1));
      element.setAttribute("aria-setsize", String(this.total));
      if (!element.dataset.dragged) element.style.transform = `translateY(${place * this.height}px)`;
      this.paint(element, value, place);
      return element;
    }

    /** In the document they stand as they are seen, for keys and for those who listen. */
    sort(elements) {
      let before = null;
      for (const element of elements) {
        const next = before ? before.nextSibling : this.root.firstChild;
        if (next !== element) this.root.insertBefore(element, next);
        before = element;
      }
    }

    /** The place at a height of the window. @param {number} y */
    placeAt(y) {
      const { top } = this.root.getBoundingClientRect();
      return Math.max(0, Math.min(this.total, (y - top) / this.height));
    }
  }

  window.atelier.RowList = RowList;
})();
