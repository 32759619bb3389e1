// Thumbnails of any number of pictures: only the rows that can be seen are in the document, and used again.
(() => {
  const { element, icon, FoundPictures } = window.atelier;
  const GAP = 8;
  const SPARE_ROWS = 2;
  const SETTLED = 90;
  const LONG = 450;
  const thumbnail = (id) => `api/v1/pictures/${id}/thumbnail`;

  class Grid {
    /**
     * @param {HTMLElement} scroller
     * @param {object} told
     * @param {(place: number, event: Event) => void} told.open a picture was asked for
     * @param {(place: number, how: {range?: boolean}) => void} told.pick it is to be chosen, or not any more
     * @param {(place: number) => void} told.favour
     * @param {(id: number) => boolean} told.isPicked
     * @param {(place: number) => void} told.moved another row is the first
     * @param {(place: number, cell: HTMLElement) => void} told.near the pointer or the focus came to it
     * @param {(place: number, event: DragEvent) => void} told.dragged
     */
    constructor(scroller, told) {
      this.told = told;
      this.scroller = scroller;
      this.list = new FoundPictures(() => undefined);
      this.sheet = element("div", "gallery-sheet", { role: "list", "aria-label": "Pictures" });
      scroller.append(this.sheet);
      this.cells = new Map();
      this.free = [];
      this.side = 180;
      this.active = 0;
      this.top = 0;
      scroller.addEventListener("scroll", () => this.ask(), { passive: true });
      this.watcher = new ResizeObserver(() => this.resized());
      this.watcher.observe(scroller);
      this.listen();
    }

    listen() {
      const { sheet } = this;
      sheet.addEventListener("click", (event) => this.clicked(event));
      sheet.addEventListener("focusin", (event) => this.near(event));
      sheet.addEventListener("pointerover", (event) => this.near(event));
      sheet.addEventListener("dragstart", (event) => this.told.dragged(this.placeOf(event.target), event));
      sheet.addEventListener("pointerdown", (event) => this.held(event));
      sheet.addEventListener("contextmenu", (event) => this.holding && event.preventDefault());
      for (const name of ["pointerup", "pointercancel", "pointermove"])
        sheet.addEventListener(name, (event) => this.letGo(event), { passive: true });
    }

    placeOf(target) {
      const cell = target.closest?.(".gallery-cell");
      return cell ? Number(cell.dataset.place) : -1;
    }

    near(event) {
      const place = this.placeOf(event.target);
      if (place < 0) return;
      if (event.type === "focusin") this.activate(place);
      this.told.near(place, this.cells.get(place));
    }

    clicked(event) {
      const place = this.placeOf(event.target);
      if (place < 0 || this.wasHeld) {
        this.wasHeld = false;
        return;
      }
      this.activate(place);
      if (event.target.closest(".gallery-check")) this.told.pick(place, { range: event.shiftKey });
      else if (event.target.closest(".gallery-star")) this.told.favour(place);
      else this.told.open(place, event);
    }

    /** A long touch chooses. */
    held(event) {
      this.wasHeld = false;
      if (event.pointerType !== "touch") return;
      const place = this.placeOf(event.target);
      this.holding = { x: event.clientX, y: event.clientY };
      this.holding.timer = setTimeout(() => {
        this.wasHeld = true;
        navigator.vibrate?.(12);
        this.told.pick(place, {});
      }, LONG);
    }

    letGo(event) {
      const { holding } = this;
      if (!holding) return;
      if (event.type === "pointermove" && Math.hypot(event.clientX - holding.x, event.clientY - holding.y) < 10) return;
      clearTimeout(holding.timer);
      this.holding = null;
    }

    /** @param {FoundPictures} list @param {boolean} fromStart whether it is another list and not the same one changed */
    show(list, fromStart = false) {
      this.list = list;
      this.active = Math.min(this.active, Math.max(0, list.count() - 1));
      if (fromStart) this.active = 0;
      this.lay();
      if (fromStart) this.scroller.scrollTop = 0;
      this.paint(true);
    }

    /** @param {number} side of the thumbnails, in pixels of the page */
    resize(side) {
      const first = this.firstPlace();
      this.side = side;
      this.lay();
      this.goTo(first);
      this.paint(true);
    }

    resized() {
      const isShown = this.scroller.clientWidth > 0;
      const wasShown = this.isShown;
      this.isShown = isShown;
      if (!isShown) return; // another tab is in front; a scroller that is not shown forgets where it was
      const first = wasShown ? this.firstPlace() : this.top;
      this.lay();
      this.goTo(first);
      this.paint(true);
    }

    lay() {
      const width = this.scroller.clientWidth - 2;
      if (width <= 0) return;
      this.columns = Math.max(2, Math.round((width + GAP) / (this.side + GAP)));
      this.step = (width + GAP) / this.columns;
      this.rows = Math.ceil(this.list.count() / this.columns);
      this.sheet.style.height = `${Math.max(0, this.rows * this.step - GAP)}px`;
      this.sheet.style.setProperty("--side", `${Math.floor(this.step - GAP)}px`);
    }

    firstPlace(scrollTop = this.scroller.scrollTop) {
      return this.step ? Math.round(scrollTop / this.step) * this.columns : 0;
    }

    /** Has the picture of a place in the first row. */
    goTo(place) {
      if (!this.step) {
        this.top = place;
        return;
      }
      this.scroller.scrollTop = Math.floor(place / this.columns) * this.step;
    }

    ask() {
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        this.paint(false);
      });
    }

    paint(isOther) {
      if (!this.step || !this.isShown) return;
      const { scrollTop, clientHeight } = this.scroller;
      const isFast = !isOther && Math.abs(scrollTop - (this.painted ?? 0)) > 2 * clientHeight;
      this.painted = scrollTop;
      const firstRow = Math.max(0, Math.floor(scrollTop / this.step) - SPARE_ROWS);
      const lastRow = Math.min(this.rows - 1, Math.floor((scrollTop + clientHeight) / this.step) + SPARE_ROWS);
      const [from, to] = [firstRow * this.columns, Math.min(this.list.count(), (lastRow + 1) * this.columns)];
      this.recycle(from, to);
      for (let place = from; place < to; place++) this.fill(place, isOther, isFast);
      if (isFast) this.waitForRest();
      this.top = this.firstPlace(scrollTop); // not asked again: that would have the page laid out within the frame
      this.keepReachable(from, to);
      this.told.moved(this.top);
    }

    /** One of the pictures that are there can be reached with the Tab key. */
    keepReachable(from, to) {
      const isThere = this.active >= from && this.active < to;
      if (!isThere && !this.sheet.contains(document.activeElement)) this.activate(Math.min(this.top, this.list.count() - 1));
    }

    waitForRest() {
      clearTimeout(this.rest);
      this.rest = setTimeout(() => this.paint(true), SETTLED);
    }

    recycle(from, to) {
      for (const [place, cell] of this.cells) {
        if (place >= from && place < to) continue;
        if (cell.contains(document.activeElement)) continue; // keys would have nowhere to go
        this.cells.delete(place);
        this.free.push(cell);
        cell.style.transform = "translateY(-9999px)";
      }
    }

    fill(place, isOther, isFast) {
      let cell = this.cells.get(place);
      if (!cell) {
        cell = this.free.pop() || this.made();
        this.cells.set(place, cell);
      } else if (!isOther) return;
      const row = Math.floor(place / this.columns);
      const [x, y] = [place - row * this.columns, row].map((at) => Math.round(at * this.step)); // between pixels they blur
      cell.style.transform = `translate(${x}px, ${y}px)`;
      this.describe(cell, place, isFast);
    }

    describe(cell, place, isFast) {
      const id = this.list.ids[place];
      const mark = this.list.marks[place] || 0;
      const { image, main, star, check, stars } = cell.parts;
      cell.dataset.place = place;
      main.tabIndex = place === this.active ? 0 : -1;
      const address = id === undefined || isFast || mark & FoundPictures.BROKEN ? "" : thumbnail(id);
      if (cell.address !== address) {
        cell.address = address;
        if (address) image.src = address;
        else image.removeAttribute("src");
      }
      const isPicked = id !== undefined && this.told.isPicked(id);
      const looks = `${id}/${mark}/${isPicked}/${this.list.count()}`;
      if (cell.looks === looks) return;
      cell.looks = looks;
      cell.setAttribute("aria-posinset", place + 1);
      cell.setAttribute("aria-setsize", this.list.count());
      cell.classList.toggle("is-broken", Boolean(mark & FoundPictures.BROKEN));
      cell.classList.toggle("is-picked", isPicked);
      cell.classList.toggle("is-favourite", Boolean(mark & FoundPictures.FAVOURITE));
      check.setAttribute("aria-pressed", String(isPicked));
      star.setAttribute("aria-pressed", String(Boolean(mark & FoundPictures.FAVOURITE)));
      stars.textContent = "★".repeat(mark & FoundPictures.RATING);
      main.setAttribute("aria-label", id === undefined ? "A picture that is being looked for" : `Picture ${id}`);
      main.removeAttribute("title");
    }

    made() {
      const image = element("img", "", { alt: "", decoding: "async", draggable: "false" });
      image.addEventListener("error", () => image.getAttribute("src") && cell.classList.add("is-broken"));
      const main = element("button", "gallery-thumb", {}, image, element("span", "gallery-broken", { text: "Cannot be read" }));
      const check = element("button", "gallery-check", { "aria-label": "Choose this picture", tabindex: -1 }, icon("check"));
      const star = element("button", "gallery-star star-button", { "aria-label": "Favourite", tabindex: -1 }, icon("star"));
      const stars = element("span", "gallery-stars", { "aria-hidden": "true" });
      const cell = element("div", "gallery-cell", { role: "listitem", draggable: "true" }, main, check, star, stars);
      cell.parts = { image, main, check, star, stars };
      this.sheet.append(cell);
      return cell;
    }

    /** Makes a picture the one that keys are about. */
    activate(place) {
      if (place === this.active) return;
      const before = this.cells.get(this.active);
      if (before) before.parts.main.tabIndex = -1;
      this.active = place;
      const cell = this.cells.get(place);
      if (cell) cell.parts.main.tabIndex = 0;
    }

    /** The same with the focus, and where it can be seen. */
    focus(place) {
      const wanted = Math.max(0, Math.min(place, this.list.count() - 1));
      const top = Math.floor(wanted / this.columns) * this.step;
      const { scrollTop, clientHeight } = this.scroller;
      if (top < scrollTop) this.scroller.scrollTop = top;
      else if (top + this.step > scrollTop + clientHeight) this.scroller.scrollTop = top + this.step - clientHeight;
      this.paint(false);
      this.activate(wanted);
      this.cells.get(wanted)?.parts.main.focus({ preventScroll: true });
    }

    /** How far a key leads, in places; 0 for keys that lead nowhere. */
    stepOf(key) {
      const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.step)) * this.columns;
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page };
      if (key === "Home") return -this.active;
      if (key === "End") return this.list.count() - 1 - this.active;
      return steps[key] || 0;
    }

    repaint() {
      this.paint(true);
    }
  }

  window.atelier.Grid = Grid;
})();
