// What the server says of extensions and of those on their way, asked again while something happens to them.
(() => {
  const PLACE = "api/v1/extensions";
  const ANSWER_SECONDS = 30;
  const PAUSE = 500;
  const LONGEST_PAUSE = 8000;
  const BUSY = ["fetching", "installing"];
  const RESTORING = "atelier-extensions-restoring";
  const SILENT = "The server does not answer. Open the tab again.";

  class Refused extends Error {
    /** @param {string} sentence @param {number} status of the answer; 0 where there was none */
    constructor(sentence, status = 0) {
      super(sentence);
      this.status = status;
    }

    /** Whether the server may answer once it is asked again. */
    get isPassing() {
      return !this.status || this.status >= 500;
    }
  }

  /**
   * @typedef {object} Look an extension that was fetched to be looked at, as the API tells it
   * @property {string} id
   * @property {string} state
   */

  /**
   * @typedef {object} Hearer who began a look
   * @property {Element} element where it says why a look failed
   * @property {(sentence: string) => void} refuse
   */

  class ExtensionDesk {
    /**
     * @param {() => void} changed what there is to be seen is another now
     * @param {(look: Look, isOpened: boolean) => void} ended
     * @param {(sentence: string) => void} refused what nobody asked for by a button cannot be had
     */
    constructor(changed, ended, refused) {
      Object.assign(this, { changed, ended, refused, list: null, restored: null, isFollowing: false });
      /** How the check for updates stands: "", "asking", "checking" or "checked". */
      this.checking = "";
      this.pause = PAUSE;
      /** Another number after each change of the looks on this page. */
      this.turn = 0;
      /** @type {Look[]} */
      this.looks = [];
      /** Looks that somebody asked for on this page. @type {Set<string>} */
      this.opened = new Set();
      /** Who began a look and wants to hear why it failed. @type {Map<string, Hearer>} */
      this.waiting = new Map();
    }

    /** What the server answers. Throws a Refused with a sentence. */
    async ask(path, method = "GET", body = undefined) {
      const headers = body instanceof Blob ? { "Content-Type": "application/zip" } : { "Content-Type": "application/json" };
      const how = body === undefined ? { method } : { method, headers, body: body instanceof Blob ? body : JSON.stringify(body) };
      let answer;
      try {
        // A question on a connection that a server took with it into its end is never answered.
        const signal = method === "GET" ? AbortSignal.timeout(ANSWER_SECONDS * 1000) : null;
        answer = await fetch(PLACE + path, { ...how, signal });
      } catch {
        throw new Refused(SILENT);
      }
      const content = await answer.json().catch(() => null);
      if (!answer.ok) throw new Refused(content?.detail ?? SILENT, answer.status);
      return content;
    }

    get canChange() {
      return Boolean(this.list?.can_be_changed);
    }

    get isRestoring() {
      return this.restored?.state === "running";
    }

    /** The installed extensions. */
    get own() {
      return this.list.extensions.filter((one) => !one.is_built_in);
    }

    /** Whether the page has other files and texts of extensions than it would be given now. */
    get isPageOlder() {
      return this.given !== undefined && this.given !== this.giving();
    }

    giving() {
      return JSON.stringify(this.own.filter((one) => one.page_version).map((one) => [one.name, one.page_version]));
    }

    async load() {
      this.list = await this.ask("");
      this.given ??= this.giving();
      try {
        if (this.canChange) await this.askForLooks(sessionStorage.getItem(RESTORING) === this.list.start);
      } finally {
        this.changed();
      }
      this.follow();
    }

    /** @param {boolean} andSet whether a set is being restored as far as this page knows */
    async askForLooks(andSet) {
      const { turn } = this;
      const looks = await this.ask("/looks");
      if (turn === this.turn) this.looks = looks; // else it was asked before what happened here meanwhile
      if (andSet) await this.askForRestored();
    }

    /** A server that was started anew knows no set. */
    async askForRestored() {
      try {
        this.restored = await this.ask("/restore");
      } catch (refused) {
        if (refused.status !== 404) throw refused;
        this.forgetRestored();
      }
    }

    async reload() {
      this.list = await this.ask("");
      this.changed();
    }

    /** Change something, and show what there is afterwards. */
    async change(path, method = "POST") {
      this.forgetCheck();
      try {
        await this.ask(path, method);
      } finally {
        await this.reload();
      }
    }

    /**
     * Begin to look at something.
     * @param {object | Blob} wanted
     * @param {Hearer} [hearer] hears why it cannot be had, as long as it can be seen
     * @returns {Promise<Look>}
     */
    async begin(wanted, hearer = undefined) {
      const path = wanted instanceof File ? `/looks/zip?name=${encodeURIComponent(wanted.name.slice(-200))}` : "/looks";
      const look = await this.ask(path, "POST", wanted);
      this.opened.add(look.id);
      if (hearer) this.waiting.set(look.id, hearer);
      this.hold([...this.looks, look]);
      this.follow();
      return look;
    }

    /** Look at all updates, in the place of those that were looked at before. */
    async check() {
      if (this.isChecking) return;
      this.checking = "asking";
      this.changed();
      try {
        const before = this.looks.filter((one) => this.updates(one) && !BUSY.includes(one.state));
        await Promise.all(before.map((one) => this.forget(one)));
        const found = await this.ask("/looks/updates", "POST");
        this.checking = found.length ? "checking" : "";
        this.hold([...this.looks, ...found]);
      } finally {
        if (this.checking === "asking") {
          this.checking = "";
          this.changed();
        }
      }
      this.follow();
    }

    get isChecking() {
      return ["asking", "checking"].includes(this.checking);
    }

    /** The installed extension that a look is an update of, as far as that is known. @param {Look} look */
    updates(look) {
      if (look.kind !== "git") return undefined;
      return this.own.find((one) => one.kind === "git" && one.source === look.source);
    }

    /** The latest look at an update of an extension. */
    updateOf(one) {
      return this.looks.findLast((look) => this.updates(look) === one && look.state !== "cancelled");
    }

    /** Updates that can be installed as they are. */
    get ready() {
      return this.own.filter((one) => !one.is_pinned).map((one) => this.updateOf(one)).filter((one) => one?.state === "ready");
    }

    /** How many extensions could not be looked at for an update. */
    get unseen() {
      const found = this.own.filter((one) => !one.is_pinned).map((one) => this.updateOf(one));
      return found.filter((one) => one?.state === "failed" && !one.content).length;
    }

    /** Those that somebody has to decide on. */
    get shown() {
      return this.looks.filter((one) => this.opened.has(one.id) || (!this.updates(one) && !this.isRestoring));
    }

    open(look) {
      this.opened.add(look.id);
      this.changed();
    }

    close(look) {
      this.opened.delete(look.id);
      this.changed();
    }

    /** What came of the check for updates holds no longer. */
    forgetCheck() {
      if (this.checking === "checked") this.checking = "";
    }

    async install(look, enable) {
      this.forgetCheck();
      const begun = await this.ask(`/looks/${look.id}/install`, "POST", { content: look.content, enable });
      this.hold(this.looks.map((one) => (one.id === look.id ? begun : one)));
      this.follow();
    }

    /** Take a look off the list; what it fetched is deleted. */
    async forget(look) {
      this.opened.delete(look.id);
      this.waiting.delete(look.id);
      this.hold(this.looks.filter((one) => one.id !== look.id));
      await this.ask(`/looks/${look.id}`, "DELETE").catch(() => null); // another page may have been quicker
    }

    /** @param {Look[]} looks */
    hold(looks) {
      this.turn += 1;
      this.looks = looks;
      this.changed();
    }

    async restore(set) {
      this.restored = await this.ask("/restore", "POST", set);
      sessionStorage.setItem(RESTORING, this.list.start);
      this.changed();
      this.follow();
    }

    forgetRestored() {
      sessionStorage.removeItem(RESTORING);
      this.restored = null;
      this.changed();
    }

    get isBusy() {
      return this.isRestoring || this.looks.some((one) => BUSY.includes(one.state));
    }

    /** Ask again and again while something happens. */
    async follow() {
      if (this.isFollowing) return;
      this.isFollowing = true;
      try {
        await this.settle();
        while (this.isBusy) {
          await new Promise((done) => setTimeout(done, this.pause));
          if (this.isBusy && !(await this.askAgain())) return;
          await this.settle();
        }
      } finally {
        this.isFollowing = false;
      }
    }

    /** @returns {Promise<boolean>} whether there is sense in asking once more */
    async askAgain() {
      const wasRestoring = this.isRestoring;
      const before = this.looks;
      try {
        await this.askForLooks(wasRestoring);
        // What is gone another page saw the end of.
        const isGone = ({ id }) => !this.looks.some((one) => one.id === id);
        if ((wasRestoring && !this.isRestoring) || before.some(isGone)) await this.reload();
      } catch (refused) {
        if (!(refused instanceof Refused)) throw refused;
        this.pause = Math.min(2 * this.pause, LONGEST_PAUSE); // the server may be starting: it is asked again
        this.changed();
        if (!refused.isPassing) this.refused(refused.message);
        return refused.isPassing;
      }
      this.pause = PAUSE;
      this.changed();
      return true;
    }

    /** Whether there is nothing more to see of a look than that it ended. */
    isOver(look) {
      return ["done", "unchanged", "cancelled"].includes(look.state) || (look.state === "failed" && this.waiting.has(look.id));
    }

    /** Who began a look hears of its end only while somebody can see that; else its panel stays and says it. */
    forgetHearers() {
      for (const { id, state } of this.looks) {
        const element = this.waiting.get(id)?.element;
        const isSeen = element?.isConnected && element.checkVisibility();
        if (state === "ready" || (state === "failed" && !isSeen)) this.waiting.delete(id);
      }
    }

    /** Looks that ended are told and taken off the list. */
    async settle() {
      this.forgetHearers();
      const over = this.looks.filter((one) => this.isOver(one));
      for (const look of over) {
        const hearer = this.waiting.get(look.id);
        const isOpened = this.opened.has(look.id);
        if (look.state === "done") await this.ask("").then((list) => (this.list = list), () => null);
        await this.forget(look);
        if (look.state === "failed") hearer.refuse(look.problem);
        else if (isOpened || look.state === "done") this.ended(look, isOpened);
      }
      if (this.checking === "checking" && !this.looks.some((one) => one.state === "fetching")) {
        this.checking = "checked";
        this.changed();
      }
    }
  }

  Object.assign(window.atelier, { ExtensionDesk, ExtensionRefused: Refused });
})();
