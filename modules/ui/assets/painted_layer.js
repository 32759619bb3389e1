// One layer of what is painted over a picture: a list of steps in the picture's own pixels. Being vectors they are
// drawn at whatever size the screen has, undone exactly, and turned into a sheet of the full size only to be sent.
(() => {
  const MOST_CELLS = 2048;

  /**
   * @typedef {object} Step
   * @property {"line" | "flood" | "fill" | "invert" | "sheet" | "clear"} [kind] none is a line
   * @property {string} [colour]
   * @property {number} [size] of the brush
   * @property {boolean} [erase]
   * @property {[number, number][]} [points]
   * @property {number} [x] @property {number} [y] where a flood begins
   * @property {string} [data] a sheet as an address that holds its content
   * @property {CanvasImageSource} [bitmap] a flood or a sheet, once it is there; not kept
   */

  const sheetOf = (width, height) => Object.assign(document.createElement("canvas"), { width, height });

  /** Fills what is free around a place. @param {ImageData} image its alpha says what is taken @returns {Uint8Array} */
  const flooded = ({ data, width, height }, x, y) => {
    const found = new Uint8Array(width * height);
    const isFree = (at) => data[at * 4 + 3] < 128 && !found[at];
    const waiting = x >= 0 && y >= 0 && x < width && y < height ? [[x, y]] : [];
    while (waiting.length) {
      const [column, row] = waiting.pop();
      const start = row * width;
      let left = column;
      if (!isFree(start + column)) continue;
      while (left > 0 && isFree(start + left - 1)) left -= 1;
      let [above, below] = [false, false];
      for (let at = left; at < width && isFree(start + at); at += 1) {
        found[start + at] = 1;
        for (const side of [-1, 1]) {
          const free = row + side >= 0 && row + side < height && isFree(start + side * width + at);
          if (free && !(side < 0 ? above : below)) waiting.push([at, row + side]);
          if (side < 0) above = free;
          else below = free;
        }
      }
    }
    return found;
  };

  class PaintedLayer {
    /** @param {number} width @param {number} height @param {Step[]} steps */
    constructor(width, height, steps = []) {
      Object.assign(this, { width, height, steps, undone: [] });
    }

    /** @param {Step} step */
    add(step) {
      this.steps.push(step);
      this.undone = [];
    }

    undo() {
      if (this.steps.length) this.undone.push(this.steps.pop());
    }

    redo() {
      if (this.undone.length) this.steps.push(this.undone.pop());
    }

    /** Whether nothing is to be seen for certain. */
    get isBlank() {
      return !this.steps.length || this.steps.at(-1).kind === "clear";
    }

    /** What is kept of it as text. */
    toJSON() {
      return this.steps.map(({ bitmap, ...step }) => step);
    }

    /** Waits for the sheets that come from files. */
    async ready() {
      const waiting = this.steps.filter((step) => step.kind === "sheet" && !step.bitmap);
      for (const step of waiting) {
        const image = new Image();
        image.src = step.data;
        await image.decode();
        step.bitmap = image;
      }
      return waiting.length > 0;
    }

    /** Draws all steps, in the coordinates that a context has. @param {CanvasRenderingContext2D} context */
    draw(context) {
      for (const place of this.steps.keys()) this.drawStep(context, place);
    }

    /** @param {CanvasRenderingContext2D} context @param {number} place of the step */
    drawStep(context, place, from = 0) {
      const step = this.steps[place];
      context.save();
      context.globalCompositeOperation = step.erase
        ? "destination-out"
        : step.kind === "invert"
          ? "source-out"
          : "source-over";
      context.strokeStyle = context.fillStyle = step.colour || "#000000";
      if (!step.kind || step.kind === "line") this.drawLine(context, step, from);
      else if (step.kind === "clear") context.clearRect(0, 0, this.width, this.height);
      else if (step.kind === "fill" || step.kind === "invert") context.fillRect(0, 0, this.width, this.height);
      else {
        if (step.kind === "flood") step.bitmap ||= this.flood(place);
        if (step.bitmap) context.drawImage(step.bitmap, 0, 0, this.width, this.height);
      }
      context.restore();
    }

    drawLine(context, { points, size }, from) {
      context.lineWidth = size;
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      if (points.length === 1) {
        context.arc(points[0][0], points[0][1], size / 2, 0, 2 * Math.PI);
        context.fill();
        return;
      }
      context.moveTo(...points[Math.max(0, from)]);
      for (const point of points.slice(Math.max(1, from + 1))) context.lineTo(...point);
      context.stroke();
    }

    /** The area around a place that what is painted before closes in, a little below its edges. */
    flood(place) {
      const { x, y, colour } = this.steps[place];
      const scale = Math.min(1, MOST_CELLS / Math.max(this.width, this.height));
      const sheet = sheetOf(Math.max(1, Math.round(this.width * scale)), Math.max(1, Math.round(this.height * scale)));
      const context = sheet.getContext("2d", { willReadFrequently: true });
      context.scale(sheet.width / this.width, sheet.height / this.height);
      new PaintedLayer(this.width, this.height, this.steps.slice(0, place)).draw(context);
      context.setTransform(1, 0, 0, 1, 0, 0);
      const image = context.getImageData(0, 0, sheet.width, sheet.height);
      const found = flooded(image, Math.floor(x * scale), Math.floor(y * scale));
      const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      for (let at = 0; at < found.length; at += 1)
        image.data.set(found[at] ? [red, green, blue, 255] : [0, 0, 0, 0], at * 4);
      context.putImageData(image, 0, 0);
      const wide = sheetOf(sheet.width, sheet.height);
      for (const [right, down] of [
        [0, 0],
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ])
        wide.getContext("2d").drawImage(sheet, right, down);
      return wide;
    }

    /** The layer as a PNG of the picture's size, in an address; "" where nothing is painted. */
    async exported() {
      if (this.isBlank) return "";
      await this.ready();
      const sheet = sheetOf(this.width, this.height);
      this.draw(sheet.getContext("2d"));
      const content = await new Promise((done) => sheet.toBlob(done, "image/png"));
      sheet.width = 0; // so much memory is not left to whenever it is collected
      return PaintedLayer.address(content);
    }

    /** @param {Blob | null} content @returns {Promise<string>} */
    static address(content) {
      if (!content) throw Error("This browser has no memory left for a sheet of that size.");
      return new Promise((done, fail) => {
        const reader = new FileReader();
        reader.onload = () => done(String(reader.result));
        reader.onerror = () => fail(reader.error);
        reader.readAsDataURL(content);
      });
    }

    /** A step that paints where a picture is bright. @param {Blob} file @param {string} colour */
    async bright(file, colour) {
      const picture = await createImageBitmap(file);
      const sheet = sheetOf(this.width, this.height);
      const context = sheet.getContext("2d", { willReadFrequently: true });
      context.drawImage(picture, 0, 0, this.width, this.height);
      picture.close();
      const image = context.getImageData(0, 0, this.width, this.height);
      const { data } = image;
      const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
      for (let at = 0; at < data.length; at += 4) {
        const light = ((data[at] * 77 + data[at + 1] * 151 + data[at + 2] * 28) >> 8) * (data[at + 3] / 255);
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
        data[at + 3] = light;
      }
      context.putImageData(image, 0, 0);
      const content = await new Promise((done) => sheet.toBlob(done, "image/png"));
      return { kind: "sheet", data: await PaintedLayer.address(content), bitmap: sheet };
    }
  }

  window.atelier.PaintedLayer = PaintedLayer;
})();
