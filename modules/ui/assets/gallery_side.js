// The views of the gallery: all pictures, favourites, the bin, albums, and folders of other programs.
(() => {
  const { element, icon, iconButton, pictures, ask } = window.atelier;
  const DRAGGED = "application/x-atelier-pictures";
  const VIEWS = { all: "All pictures", favourites: "Favourites", bin: "Bin" };
  const BUSY = ["waiting", "looking"];
  const STATES = { missing: "This folder is not there now.", failed: "This folder could not be read." };
  const SIGNS = { all: "tiles", favourites: "star", bin: "bin", album: "album", folder: "panel" };

  class Side {
    /**
     * @param {HTMLElement} root
     * @param {{chosen: (view: {kind: string, id?: number}) => void, picked: () => number[]}} told
     */
    constructor(root, told) {
      Object.assign(this, { root, told, view: { kind: "all" }, albums: [], folders: [], isOwner: false });
      this.paint();
    }

    /** What the API is asked with, for the view. */
    asked() {
      const { kind, id } = this.view;
      return {
        all: {},
        favourites: { favourite: true },
        bin: { bin: true },
        album: { album: id },
        folder: { folder: id },
      }[kind];
    }

    title() {
      const { kind, id } = this.view;
      if (kind === "album") return this.albums.find((one) => one.id === id)?.name || "Album";
      if (kind === "folder") return this.folders.find((one) => one.id === id)?.path || "Folder";
      return VIEWS[kind];
    }

    choose(view) {
      this.view = view;
      this.paint();
      this.told.chosen(view);
    }

    async look() {
      const [albums, folders] = await Promise.all([
        pictures.tried(() => pictures.ask("albums")),
        this.isOwner ? pictures.tried(() => pictures.ask("folders")) : null,
      ]);
      this.albums = albums?.albums || [];
      this.folders = folders?.folders || [];
      const { kind, id } = this.view;
      const rows = { album: this.albums, folder: this.folders }[kind];
      if (rows && !rows.some((one) => one.id === id)) this.choose({ kind: "all" });
      else this.paint();
      this.lookAgain();
    }

    /** A folder that is being indexed has more pictures soon. */
    lookAgain() {
      clearTimeout(this.timer);
      const wasBusy = this.isBusy;
      this.isBusy = this.folders.some((one) => BUSY.includes(one.state));
      if (this.isBusy && this.root.isConnected) this.timer = setTimeout(() => this.look(), 2000);
      if (wasBusy && ["all", "folder"].includes(this.view.kind)) pictures.tell("indexed", []);
    }

    paint() {
      const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      const views = Object.entries(VIEWS).map(([kind, text]) => this.row({ kind }, text));
      const albums = this.albums.map((one) => this.album(one));
      const parts = [...views, this.head("Albums", "New album", () => this.addAlbum()), ...albums];
      if (!albums.length) parts.push(element("p", "side-hint", { text: "Collect pictures in albums: choose some, or drag them here." }));
      if (this.isOwner) parts.push(this.head("Folders", "Add a folder", () => this.addFolder()), ...this.folders.map((one) => this.folder(one)));
      if (this.isOwner && !this.folders.length) {
        parts.push(element("p", "side-hint", { text: "Add the outputs folder of another program to see its pictures here. Nothing is moved." }));
      }
      this.root.replaceChildren(...parts);
      if (focused) [...this.root.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
    }

    head(title, label, act) {
      return element("div", "side-head", {}, element("h3", "", { text: title }), iconButton("plus", label, act));
    }

    row(view, text, count) {
      const isChosen = view.kind === this.view.kind && view.id === this.view.id;
      const button = element(
        "button",
        "side-row",
        { "aria-current": isChosen ? "true" : null, "data-key": `${view.kind}-${view.id ?? ""}`, title: text, on: { click: () => this.choose(view) } },
        icon(SIGNS[view.kind]),
        element("span", "side-name", { text }),
      );
      if (count !== undefined) button.append(element("span", "side-count", { text: count.toLocaleString("en") }));
      this.letDrop(button, view);
      return button;
    }

    album(one) {
      const row = this.row({ kind: "album", id: one.id }, one.name, one.count);
      if (this.view.kind !== "album" || this.view.id !== one.id) return row;
      return element("div", "side-chosen", {}, row, iconButton("pencil", `Rename the album ${one.name}`, () => this.rename(one)), iconButton("bin", `Delete the album ${one.name}`, () => this.removeAlbum(one)));
    }

    folder(one) {
      const name = one.path.split(/[\\/]/).filter(Boolean).pop() || one.path;
      const row = this.row({ kind: "folder", id: one.id }, name, one.count);
      const problem = one.problem || STATES[one.state] || "";
      row.title = problem ? `${one.path}\n${problem}` : one.path;
      if (problem) row.classList.add("has-problem");
      if (BUSY.includes(one.state)) row.classList.add("is-busy");
      if (this.view.kind !== "folder" || this.view.id !== one.id) return row;
      return element("div", "side-chosen", {}, row, iconButton("refresh", `Look at the folder ${name} again`, () => this.lookAt(one)), iconButton("close", `Take the folder ${name} off the list`, () => this.removeFolder(one)));
    }

    letDrop(button, view) {
      if (!["album", "bin", "favourites"].includes(view.kind)) return;
      const takes = (event) => event.dataTransfer.types.includes(DRAGGED);
      button.addEventListener("dragover", (event) => {
        if (!takes(event)) return;
        event.preventDefault();
        button.classList.add("is-target");
      });
      button.addEventListener("dragleave", () => button.classList.remove("is-target"));
      button.addEventListener("drop", (event) => {
        button.classList.remove("is-target");
        if (!takes(event)) return;
        event.preventDefault();
        event.stopPropagation();
        this.drop(view, this.told.picked());
      });
    }

    drop(view, ids) {
      if (!ids.length) return undefined;
      if (view.kind === "album") return this.put(view.id, ids);
      return view.kind === "bin" ? pictures.bin(ids) : pictures.change(ids, { favourite: true });
    }

    /** Puts pictures into an album. */
    put(id, ids) {
      return pictures.tried(async () => {
        await pictures.ask(`albums/${id}/pictures`, { method: "POST", body: { add: ids, remove: [] } });
        const name = this.albums.find((one) => one.id === id)?.name || "";
        window.atelier.toast(ids.length === 1 ? `The picture is in the album “${name}”.` : `${ids.length.toLocaleString("en")} pictures are in the album “${name}”.`);
        await this.look();
      });
    }

    /** Takes pictures out of the album that is shown. */
    take(ids) {
      return pictures.tried(async () => {
        await pictures.ask(`albums/${this.view.id}/pictures`, { method: "POST", body: { add: [], remove: ids } });
        pictures.tell("taken out", ids);
        await this.look();
      });
    }

    /** Asks for an album, and puts pictures into it. */
    async putSomewhere(ids) {
      const choices = this.albums.map((one) => ({ label: one.name, value: one.id }));
      const wanted = await ask.oneOf("Add to an album", [...choices, { label: "New album …", value: "new" }]);
      if (wanted === null) return;
      const id = wanted === "new" ? await this.addAlbum() : wanted;
      if (id) await this.put(id, ids);
    }

    async addAlbum() {
      const name = await ask.text("New album", "Name", { action: "Make the album" });
      if (!name) return null;
      const made = await pictures.tried(() => pictures.ask("albums", { method: "POST", body: { name } }));
      await this.look();
      return made?.id ?? this.albums.find((one) => one.name === name)?.id ?? null;
    }

    async rename(one) {
      const name = await ask.text("Rename the album", "Name", { value: one.name });
      if (!name || name === one.name) return;
      await pictures.tried(() => pictures.ask(`albums/${one.id}`, { method: "PATCH", body: { name } }));
      await this.look();
    }

    async removeAlbum(one) {
      const isSure = await ask.sure(`Delete the album “${one.name}”?`, "Its pictures stay where they are.", "Delete the album");
      if (!isSure) return;
      await pictures.tried(() => pictures.ask(`albums/${one.id}`, { method: "DELETE" }));
      await this.look();
    }

    async addFolder() {
      const path = await ask.text("Add a folder", "Its path on the computer that the server runs on", { most: 4000, action: "Add the folder" });
      if (!path) return;
      const added = await pictures.tried(() => pictures.ask("folders", { method: "POST", body: { path } }));
      await this.look();
      if (added?.id) this.choose({ kind: "folder", id: added.id });
    }

    async removeFolder(one) {
      const isSure = await ask.sure("Take this folder off the list?", `${one.path}: its files stay as they are.`, "Take it off the list");
      if (!isSure) return;
      await pictures.tried(() => pictures.ask(`folders/${one.id}`, { method: "DELETE" }));
      await this.look();
    }

    async lookAt(one) {
      await pictures.tried(() => pictures.ask(`folders/${one.id}/look`, { method: "POST" }));
      await this.look();
      this.told.chosen(this.view);
    }
  }

  Side.DRAGGED = DRAGGED;
  window.atelier.GallerySide = Side;
})();
