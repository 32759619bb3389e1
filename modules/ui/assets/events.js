// What this page hears of the server: one connection for the queue and for single jobs, which comes back by itself and
// goes on behind the last event that was heard.
(() => {
  const FIRST_WAIT = 500;
  const LONGEST_WAIT = 20000;
  const MOST_FAILURES = 3;
  const MOST_REFUSALS = 8;
  const EVENTS = ["snapshot", "state", "stage", "progress", "preview", "picture", "queue"];

  /** @type {Map<string, {listeners: Set<Function>, last: string, source: EventSource | null}>} */
  const topics = new Map();
  let socket = null;
  let timer = 0;
  let failures = 0;
  let wasOpen = false;

  const address = (path) => new URL(path, window.location.href);
  const tell = (topic, event, data) => topics.get(topic)?.listeners.forEach((listener) => listener(event, data));

  /** @param {{topic: string, id: string, event: string, data: object}} message */
  const take = ({ topic, id, event, data }) => {
    const heard = topics.get(topic);
    if (!heard) return;
    if (id) heard.last = id;
    tell(topic, event, data);
    if (event === "end" || event === "refused") topics.delete(topic);
  };

  const isOpen = () => socket?.readyState === WebSocket.OPEN;
  const send = (wish) => isOpen() && socket.send(JSON.stringify(wish));
  const subscribe = (topic) => {
    const { last } = topics.get(topic);
    send(last ? { subscribe: topic, after: last } : { subscribe: topic });
  };

  const comeBack = () => {
    clearTimeout(timer);
    if (!topics.size) return;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures);
    timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  };

  const closed = () => {
    socket = null;
    failures += 1;
    // Some proxies let no WebSocket through; then each topic gets a connection of its own.
    if (!wasOpen && failures >= MOST_FAILURES) for (const topic of topics.keys()) follow(topic);
    else comeBack();
  };

  function connect() {
    clearTimeout(timer);
    if (socket || !topics.size) return;
    const place = address("api/v1/events/ws");
    place.protocol = place.protocol.replace("http", "ws");
    socket = new WebSocket(place);
    socket.addEventListener("open", () => {
      wasOpen = true;
      failures = 0;
      for (const topic of topics.keys()) subscribe(topic);
    });
    socket.addEventListener("message", (message) => take(JSON.parse(message.data)));
    socket.addEventListener("close", closed);
  }

  /** A browser gives up on a stream whose server, or a proxy in its place, answers with a refusal. */
  const followAgain = (topic, heard) => {
    if (heard.source?.readyState !== EventSource.CLOSED || topics.get(topic) !== heard) return;
    heard.source = null;
    heard.refusals = (heard.refusals || 0) + 1;
    // A job that is over is refused for good.
    if (topic !== "queue" && heard.refusals > MOST_REFUSALS) return;
    setTimeout(() => topics.get(topic) === heard && follow(topic), Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** heard.refusals));
  };

  /** Server-Sent Events, which browsers resume by themselves. */
  function follow(topic) {
    const heard = topics.get(topic);
    if (heard.source) return;
    const place = address(topic === "queue" ? "api/v1/events" : `api/v1/jobs/${topic}/events`);
    if (heard.last) place.searchParams.set("after", heard.last);
    heard.source = new EventSource(place);
    heard.source.addEventListener("open", () => (heard.refusals = 0));
    heard.source.addEventListener("error", () => followAgain(topic, heard));
    for (const event of EVENTS) {
      heard.source.addEventListener(event, (message) =>
        take({ topic, id: message.lastEventId, event, data: JSON.parse(message.data) }),
      );
    }
  }

  const leave = (topic, listener) => {
    const heard = topics.get(topic);
    if (!heard?.listeners.delete(listener) || heard.listeners.size) return;
    topics.delete(topic);
    heard.source?.close();
    send({ unsubscribe: topic });
  };

  /**
   * Hear the events of a job, or of the queue.
   * @param {string} topic the id of a job, or "queue"
   * @param {(event: string, data: object) => void} listener also told "refused" and "end"
   * @param {string} [after] the id of the last event that is known; what came since is told
   * @returns {() => void} ends it
   */
  const listen = (topic, listener, after = "") => {
    const heard = topics.get(topic);
    if (heard) {
      heard.listeners.add(listener);
      // Who comes later begins with where things stand, as everybody does.
      if (isOpen() && !after) send({ subscribe: topic });
    } else {
      topics.set(topic, { listeners: new Set([listener]), last: after, source: null });
      if (!wasOpen && failures >= MOST_FAILURES) follow(topic);
      else if (isOpen()) subscribe(topic);
      else connect();
    }
    return () => leave(topic, listener);
  };

  const hurry = () => {
    if (!socket && topics.size && (wasOpen || failures < MOST_FAILURES)) connect();
  };
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());

  Object.assign(window.atelier, { listen });
})();
