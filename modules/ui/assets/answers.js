// How gradio hears what became of its events. Its server ends the connection with the last answer, and its page closes
// it when it is told so, without asking whether another event was taken in meanwhile: that one's answer is never
// fetched, and a button stays without effect. Here gradio holds one stream for as long as the page lives, and below it
// connections come and go with the events that are not answered yet.
(() => {
  const ask = window.fetch.bind(window);
  /** Events that the server has taken in. @type {Set<string>} */
  const unanswered = new Set();
  /** Those whose answer was faster than the news that they were taken in. @type {Set<string>} */
  const early = new Set();
  /** @type {Line | null} */
  let line = null;
  /** Whether gradio's stream broke off, of which it knows only if it waited for something just then. */
  let isBroken = false;

  const noteAnswer = (event) => {
    if (!unanswered.delete(event)) early.add(event);
  };

  class Line {
    isConnected = false;

    /** @param {() => Promise<Response>} connect @param {AbortSignal | undefined} signal by which gradio gives up */
    constructor(connect, signal) {
      this.connect = connect;
      this.signal = signal;
      signal?.addEventListener("abort", () => this.giveUp());
      this.stream = new ReadableStream({ start: (controller) => (this.controller = controller) });
    }

    /** Listen until every event has its answer. */
    async listen() {
      if (this.isConnected) return;
      this.isConnected = true;
      try {
        while (unanswered.size) await this.take(await this.connect());
      } catch (error) {
        if (!this.signal?.aborted) this.breakOff(error);
      }
      this.isConnected = false;
    }

    giveUp() {
      if (line === this) line = null;
      unanswered.clear();
    }

    breakOff(error) {
      this.giveUp();
      isBroken = true;
      this.controller.error(error);
    }

    /** Hand on what one connection brings. @param {Response} answer */
    async take(answer) {
      if (!answer.ok) throw new DOMException("", "NetworkError");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      let isClosed = false;
      try {
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          const blocks = (rest + part.value).split("\n\n");
          rest = blocks.pop();
          for (const block of blocks) isClosed = this.handOn(block) || isClosed;
        }
      } catch (error) {
        if (!isClosed) throw error;
      }
      if (!isClosed) throw new DOMException("", "NetworkError");
    }

    /** @param {string} block one message @returns {boolean} whether it ends the connection */
    handOn(block) {
      if (!block.startsWith("data:")) return false;
      const { msg, event_id: event } = JSON.parse(block.slice("data:".length));
      if (msg === "close_stream") return true;
      if (msg === "process_completed") noteAnswer(event);
      this.controller.enqueue(new TextEncoder().encode(`${block}\n\n`));
      return false;
    }
  }

  const join = async (...request) => {
    if (isBroken) throw new DOMException("", "NetworkError");
    const answer = await ask(...request);
    if (!answer.ok) return answer;
    const { event_id: event } = await answer.clone().json();
    if (!early.delete(event)) unanswered.add(event);
    line?.listen();
    return answer;
  };

  const open = (...request) => {
    isBroken = false;
    line = new Line(() => ask(...request), request[0].signal ?? request[1]?.signal);
    line.listen();
    return new Response(line.stream, { headers: { "Content-Type": "text/event-stream" } });
  };

  window.fetch = async (...request) => {
    const { pathname } = new URL(request[0].url ?? request[0], window.location.href);
    if (pathname.endsWith("/gradio_api/queue/join")) return join(...request);
    if (pathname.endsWith("/gradio_api/queue/data")) return open(...request);
    return ask(...request);
  };
})();
