// The Gallery tab put together: views, search, thumbnails, what is chosen, and what is done with that.
(() => {
  const { element, iconButton, pictures, ask, Grid, Filters, FoundPictures, GallerySide } = window.atelier;
  const MEMORY = "atelier-gallery";
  const PLACE = "atelier-gallery-place";
  const LEAST_HEIGHT = 340;
  const NARROW = "(max-width: 760px)";
  const many = (count, one, several) => (count === 1 ? one : several.replace("#", count.toLocaleString("en")));

  const remembered = () => {
    try {
      return JSON.parse(localStorage.getItem(MEMORY)) || {};
    } catch {
      return {};
    }
  };

  class Gallery {
    constructor(root, props) {
      this.root = root;
      this.props = props;
      this.picked = new Set();
      this.anchor = 0;
      this.build();
      this.list = new FoundPictures(() => this.listed());
      this.recall();
      pictures.news.addEventListener("change", (this.follow = (event) => this.changed(event.detail)));
      this.watcher = new ResizeObserver(() => this.fitHeight());
      this.watcher.observe(document.body);
      root.addEventListener("keydown", (event) => this.pressed(event));
    }

    build() {
      const bar = element("div", "gallery-bar");
      const panel = element("div", "gallery-filters", { hidden: true, role: "group", "aria-label": "Filters" });
      const side = element("nav", "gallery-side", { "aria-label": "Views" });
      this.sideButton = iconButton("panel", "Albums and folders", () => this.showSide(this.root.dataset.side !== "yes"));
      this.position = element("p", "gallery-position", { id: "gallery-position", role: "status" });
      this.fresh = element("button", "chip-button gallery-fresh", { text: "Show new pictures", hidden: true, on: { click: () => this.look() } });
      this.all = element("button", "chip-button", { text: "Choose all", on: { click: () => this.pickAll() } });
      this.empty = element("button", "chip-button is-grave", { text: "Empty the bin", hidden: true, on: { click: () => this.emptyBin() } });
      this.line = element("div", "gallery-line", {}, this.position, this.fresh, this.empty, this.all);
      this.actions = element("div", "gallery-actions", { hidden: true, role: "toolbar", "aria-label": "The chosen pictures" });
      this.scroller = element("div", "gallery-scroller", { id: "gallery-thumbnails" });
      this.nothing = element("div", "empty gallery-nothing", { hidden: true }, element("strong"), element("span"));
      const main = element("div", "gallery-main", {}, bar, panel, this.line, this.actions, this.scroller, this.nothing);
      this.root.append(side, main);
      bar.append(this.sideButton);
      this.filters = new Filters(bar, panel, { changed: () => this.look(), resized: (size) => this.resize(size), opened: () => this.fitHeight() });
      this.side = new GallerySide(side, { chosen: () => this.chooseView(), picked: () => this.dragged || [] });
      this.grid = new Grid(this.scroller, {
        open: (place, event) => this.clicked(place, event),
        pick: (place, how) => this.pick(place, how),
        favour: (place) => this.favour([this.list.ids[place]]),
        isPicked: (id) => this.picked.has(id),
        moved: (place) => this.rememberPlace(place),
        near: (place, cell) => this.describe(place, cell),
        dragged: (place, event) => this.drag(place, event),
      });
      this.buildActions();
    }

    buildActions() {
      const act = (doing) => () => doing([...this.picked]);
      this.count = element("span", "gallery-count", { role: "status" });
      const stars = element("div", "rating", { role: "group", "aria-label": "Rate the chosen pictures" });
      for (let rating = 1; rating <= 5; rating++) {
        stars.append(iconButton("star", many(rating, "Rate with 1 star", "Rate with # stars"), act((ids) => pictures.change(ids, { rating })), "rating-star"));
      }
      this.outOfAlbum = iconButton("close", "Take out of this album", act((ids) => this.side.take(ids)));
      this.restoring = iconButton("restore", "Take out of the bin", act((ids) => pictures.restore(ids)));
      this.binning = iconButton("bin", "Put into the bin", act((ids) => pictures.bin(ids)));
      this.deleting = iconButton("bin", "Delete for good", act((ids) => this.removeForGood(ids)), "is-grave");
      this.comparing = iconButton("compare", "Compare the two chosen pictures", () => this.compare());
      this.actions.append(
        iconButton("close", "Choose none (Escape)", () => this.pickNone()),
        this.count,
        element("button", "chip-button", { text: "All", "aria-label": "Choose all that were found", on: { click: () => this.pickAll() } }),
        element("span", "lightbox-gap"),
        iconButton("star", "Favourites, or none of them (F)", act((ids) => this.favour(ids)), "star-button"),
        stars,
        iconButton("album", "Add to an album", act((ids) => this.side.putSomewhere(ids))),
        this.outOfAlbum,
        this.comparing,
        iconButton("zip", "Download as a zip file", act((ids) => pictures.zip(ids))),
        this.restoring,
        this.binning,
        this.deleting,
      );
    }

    /** As it was when the page was left. */
    recall() {
      const kept = remembered();
      const size = Number(kept.size) || (window.matchMedia(NARROW).matches ? 108 : 180);
      this.filters.take({ values: kept.values || {}, order: kept.order || "newest" });
      this.filters.size.value = String(size);
      this.grid.side = size;
      if (kept.view?.kind) this.side.view = kept.view;
      this.showSide(kept.side ?? !window.matchMedia(NARROW).matches);
      this.filters.open(Boolean(kept.filters));
      this.grid.top = Number(sessionStorage.getItem(PLACE)) || 0;
    }

    remember() {
      const kept = {
        values: this.filters.values,
        order: this.filters.order,
        view: this.side.view,
        size: this.grid.side,
        side: this.root.dataset.side === "yes",
        filters: !this.filters.panel.hidden,
      };
      localStorage.setItem(MEMORY, JSON.stringify(kept));
    }

    rememberPlace(place) {
      clearTimeout(this.keeping);
      this.keeping = setTimeout(() => sessionStorage.setItem(PLACE, String(place)), 200);
    }

    showSide(isWanted) {
      this.root.dataset.side = isWanted ? "yes" : "no";
      this.sideButton.setAttribute("aria-expanded", String(isWanted));
      if (this.list) this.remember();
    }

    resize(size) {
      this.grid.resize(size);
      this.remember();
    }

    /** The server has looked at its folders, or another person looks. */
    async welcome() {
      const told = this.props.value;
      this.side.isOwner = Boolean(told?.owner);
      this.fitHeight();
      await this.side.look();
      await this.look({ isSame: true });
    }

    chooseView() {
      this.pickNone();
      if (window.matchMedia(NARROW).matches) this.showSide(false);
      this.look();
    }

    /** @param {{isSame?: boolean}} how whether the place stays, since the same is looked for */
    async look({ isSame = false } = {}) {
      this.remember();
      const filters = { ...this.filters.asked(), ...this.side.asked() };
      const place = this.grid.top;
      this.isFromStart = !isSame;
      this.fresh.hidden = true;
      if (!(await this.list.look(filters))) return;
      if (isSame && place) this.grid.goTo(place);
      this.filters.offer(filters);
    }

    listed() {
      if (!this.grid) return;
      const there = this.picked.size ? new Set(this.list.ids) : null;
      if (there && this.list.isWhole) this.picked = new Set([...this.picked].filter((id) => there.has(id)));
      this.grid.show(this.list, this.isFromStart);
      this.isFromStart = false;
      this.tell();
      this.paintPicked();
    }

    tell() {
      const count = this.list.count();
      this.position.textContent = many(count, "1 picture", "# pictures");
      this.all.hidden = count === 0;
      this.empty.hidden = this.side.view.kind !== "bin" || count === 0;
      this.nothing.hidden = count > 0;
      this.scroller.hidden = count === 0;
      if (count === 0) this.tellWhy();
      else this.fitHeight();
    }

    tellWhy() {
      const [title, hint] = this.nothing.children;
      const hints = {
        all: ["No pictures yet", "Make one on the txt2img tab. Whatever lies in the outputs folder is listed here."],
        favourites: ["No favourites yet", "Press the star on a picture, or F while you look at it, and find it here again."],
        bin: ["The bin is empty", "Pictures that you put into the bin wait here until you empty it."],
        album: ["This album is empty", "Choose pictures and add them with the album button, or drag them onto its name."],
        folder: ["No pictures in this folder", "When its pictures were just added they appear here within moments."],
      };
      const narrowed = ["Nothing was found", "Try fewer words, or clear the filters."];
      [title.textContent, hint.textContent] = this.filters.isNarrowed() ? narrowed : hints[this.side.view.kind];
    }

    /** As much of the window as there is below what stands above. */
    fitHeight() {
      if (!this.root.offsetParent) return;
      const top = this.scroller.getBoundingClientRect().top + window.scrollY;
      const height = Math.max(LEAST_HEIGHT, window.innerHeight - top - 20);
      if (height !== this.height) this.scroller.style.height = `${(this.height = height)}px`;
    }

    clicked(place, event) {
      if (event.shiftKey) this.pick(place, { range: true });
      else if (event.ctrlKey || event.metaKey || this.picked.size) this.pick(place, {});
      else this.open(place);
    }

    open(place) {
      window.atelier.lightbox.open(this.list, place, { left: (id) => this.comeBack(id) });
    }

    comeBack(id) {
      const place = this.list.indexOf(id);
      if (place >= 0) requestAnimationFrame(() => this.grid.focus(place));
    }

    async describe(place, cell) {
      const picture = await this.list.get(place);
      if (!picture || !cell || Number(cell.dataset.place) !== place) return;
      const words = picture.problem || (picture.infotext || "").split("\n")[0].slice(0, 300) || pictures.nameOf(picture);
      cell.parts.main.setAttribute("aria-label", words);
      cell.parts.main.title = words;
    }

    drag(place, event) {
      const id = this.list.ids[place];
      if (id === undefined) return;
      this.dragged = this.picked.has(id) ? [...this.picked] : [id];
      event.dataTransfer.setData(GallerySide.DRAGGED, String(this.dragged.length));
      event.dataTransfer.effectAllowed = "copyMove";
    }

    // --- What is chosen ---

    pick(place, { range = false } = {}) {
      const id = this.list.ids[place];
      if (id === undefined) return;
      if (range) {
        const [first, last] = [Math.min(this.anchor, place), Math.max(this.anchor, place)];
        for (let at = first; at <= last; at++) if (this.list.ids[at] !== undefined) this.picked.add(this.list.ids[at]);
      } else {
        if (!this.picked.delete(id)) this.picked.add(id);
        this.anchor = place;
      }
      this.paintPicked();
    }

    pickAll() {
      this.picked = new Set(this.list.ids.filter((id) => id !== undefined));
      this.paintPicked();
    }

    pickNone() {
      this.picked.clear();
      this.paintPicked();
    }

    paintPicked() {
      const count = this.picked.size;
      const { kind } = this.side.view;
      this.actions.hidden = count === 0;
      this.line.hidden = count > 0;
      this.root.dataset.closesOnEscape = count ? "yes" : "no";
      this.root.classList.toggle("is-choosing", count > 0);
      this.count.textContent = many(count, "1 chosen", "# chosen");
      this.comparing.hidden = count !== 2;
      this.outOfAlbum.hidden = kind !== "album";
      this.restoring.hidden = this.deleting.hidden = kind !== "bin";
      this.binning.hidden = kind === "bin";
      this.grid.repaint();
    }

    favour(ids) {
      const areAll = ids.every((id) => this.list.marks[this.list.indexOf(id)] & FoundPictures.FAVOURITE);
      return pictures.change(ids, { favourite: !areAll });
    }

    async compare() {
      const [one, two] = await Promise.all([...this.picked].map((id) => this.list.get(this.list.indexOf(id))));
      if (one && two) window.atelier.compare.open(one, [one, two], two);
    }

    async removeForGood(ids) {
      const text = many(ids.length, "This picture and its file are gone then.", "These # pictures and their files are gone then.");
      if (await ask.sure("Delete for good?", text, "Delete for good")) await pictures.removeForGood(ids);
    }

    async emptyBin() {
      const text = many(this.list.count(), "1 picture is deleted for good.", "# pictures are deleted for good.");
      if (await ask.sure("Empty the bin?", text, "Empty the bin")) await pictures.emptyBin();
    }

    // --- What changes elsewhere ---

    changed({ kind, ids, values }) {
      if (!this.root.isConnected) {
        pictures.news.removeEventListener("change", this.follow);
        this.watcher.disconnect();
      } else if (kind === "changed") {
        this.list.change(ids, values);
      } else if (kind === "binned" || kind === "deleted" || kind === "taken out" || (kind === "restored" && this.side.view.kind === "bin")) {
        this.forget(ids);
      } else if (kind === "restored" || kind === "emptied" || kind === "indexed") {
        this.look({ isSame: true }).then(() => pictures.tell("listed", []));
      } else if (kind === "new") {
        this.noteNew();
      }
    }

    forget(ids) {
      for (const id of ids) this.picked.delete(id);
      this.list.remove(ids);
      pictures.tell("listed", []);
    }

    noteNew() {
      if (!this.list.filters) return;
      if (this.grid.top === 0 && !this.picked.size) this.look({ isSame: true });
      else this.fresh.hidden = false;
    }

    // --- Keys ---

    pressed(event) {
      const isTyped = event.target.closest("input, select, textarea, dialog");
      if (isTyped || event.altKey) return;
      const isGrid = event.target.closest(".gallery-scroller");
      const act = this.keyOf(event, isGrid);
      if (!act) return;
      event.preventDefault();
      act();
    }

    keyOf(event, isGrid) {
      const { key, shiftKey } = event;
      const isCtrl = event.ctrlKey || event.metaKey;
      const step = isGrid && !isCtrl ? this.grid.stepOf(key) : 0;
      if (step || (isGrid && (key === "Home" || key === "End"))) return () => this.walk(step, shiftKey);
      if (isCtrl) return key.toLowerCase() === "a" ? () => this.pickAll() : null;
      if (key === "Escape" && this.picked.size) return () => this.pickNone();
      if (!isGrid || !this.list.count()) return null;
      const ids = this.picked.size ? [...this.picked] : [this.list.ids[this.grid.active]];
      if (/^[0-5]$/.test(key)) return () => pictures.change(ids, { rating: Number(key) });
      const keys = {
        " ": () => this.pick(this.grid.active, {}),
        f: () => this.favour(ids),
        Delete: () => (this.side.view.kind === "bin" ? this.removeForGood(ids) : pictures.bin(ids)),
      };
      return keys[key] || keys[key.toLowerCase()] || null;
    }

    walk(step, isRange) {
      if (isRange && !this.picked.size) this.anchor = this.grid.active;
      this.grid.focus(this.grid.active + step);
      if (isRange) this.pick(this.grid.active, { range: true });
    }
  }

  /**
   * Begins the tab.
   * @param {HTMLElement} place
   * @param {{value: {owner: boolean, looked: number} | null}} props
   */
  const mount = (place, props, watch) => {
    const gallery = new Gallery(place.querySelector(".gallery"), props);
    watch("value", () => gallery.welcome());
    if (props.value) gallery.welcome();
    else gallery.look({ isSame: true });
    window.atelier.gallery.shown = gallery;
  };

  window.atelier.gallery = { mount, shown: null };
})();
