// The pictures that a search found: their numbers at once, what is known of each when it is asked for.
(() => {
  const { pictures } = window.atelier;
  const FIRST = 120;
  const MOST_KNOWN = 4000;
  const RATING = 7;
  const FAVOURITE = 8;
  const BROKEN = 16;

  const markOf = (picture) => (picture.rating || 0) | (picture.favourite ? FAVOURITE : 0) | (picture.problem ? BROKEN : 0);

  class FoundPictures {
    /** @param {(list: FoundPictures) => void} changed is called whenever there is something else to show */
    constructor(changed) {
      this.changed = changed;
      this.clear();
    }

    clear() {
      this.ids = [];
      this.marks = [];
      this.known = new Map();
      this.places = null;
      this.total = 0;
      this.isWhole = false;
    }

    /**
     * Looks for pictures: the first ones are there soon, all numbers a little later. False where another search
     * came in between, or the server refused.
     * @param {Record<string, unknown>} filters
     */
    async look(filters) {
      this.filters = filters;
      this.broken?.abort();
      const { signal } = (this.broken = new AbortController());
      const found = await pictures.tried(() => pictures.find({ ...filters, limit: FIRST }, signal));
      if (!found) return false;
      this.clear();
      this.total = found.total;
      found.pictures.forEach((picture, place) => this.learn(picture, place));
      this.isWhole = found.pictures.length >= found.total;
      this.changed(this);
      if (!this.isWhole) await this.lookAtAll(filters, signal);
      return true;
    }

    async lookAtAll(filters, signal) {
      const outline = await pictures.tried(() => pictures.ask(`pictures/outline?${pictures.asked(filters)}`, { signal }));
      if (!outline) return;
      this.ids = outline.ids;
      this.marks = outline.marks;
      this.total = outline.ids.length;
      this.places = null;
      this.isWhole = true;
      this.changed(this);
    }

    learn(picture, place) {
      if (this.known.size >= MOST_KNOWN) this.known.delete(this.known.keys().next().value);
      this.known.set(picture.id, picture);
      if (place !== undefined) {
        this.ids[place] = picture.id;
        this.marks[place] = markOf(picture);
      }
    }

    count() {
      return this.total;
    }

    indexOf(id) {
      this.places ||= new Map(this.ids.map((one, place) => [one, place]));
      return this.places.get(id) ?? -1;
    }

    /** What is known of the picture at a place; asks for it where nothing is. */
    async get(place) {
      const id = this.ids[place];
      if (id === undefined) return undefined;
      if (!this.known.has(id)) {
        const picture = await pictures.tried(() => pictures.ask(`pictures/${id}`));
        if (!picture) return undefined;
        this.learn(picture);
      }
      return this.known.get(id);
    }

    /** @param {Set<number>} ids @param {{favourite?: boolean, rating?: number}} values */
    change(ids, values) {
      for (const id of ids) {
        const place = this.indexOf(id);
        if (place < 0) continue;
        const mark = this.marks[place];
        const rating = values.rating ?? mark & RATING;
        const favourite = values.favourite ?? Boolean(mark & FAVOURITE);
        this.marks[place] = rating | (favourite ? FAVOURITE : 0) | (mark & BROKEN);
        if (this.known.has(id)) this.known.set(id, { ...this.known.get(id), ...values });
      }
      this.changed(this);
    }

    /** @param {Set<number>} ids */
    remove(ids) {
      const before = this.ids.length;
      const stay = this.ids.map((id) => !ids.has(id));
      this.ids = this.ids.filter((_, place) => stay[place]);
      this.marks = this.marks.filter((_, place) => stay[place]);
      this.total -= before - this.ids.length;
      this.places = null;
      this.changed(this);
    }
  }

  Object.assign(FoundPictures, { RATING, FAVOURITE, BROKEN });
  window.atelier.FoundPictures = FoundPictures;
})();
