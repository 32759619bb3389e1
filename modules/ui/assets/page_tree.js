// How gradio finds the components of a page. As it comes it goes through all of them whenever one is read or written,
// through all events for each of them, and it builds them twice: with this page, half of the time until it can be used,
// and a fraction of a second whenever a form is read. Here components and events are found by their numbers. What is
// not as it is expected stays gradio's own, and is only slower.
import { AppTree } from "gradio-tree";

/**
 * @typedef {{id: number, children?: Node[], props: {shared_props: object, props: {value: unknown}}}} Node
 * @typedef {{root: Node}} Tree
 */

const own = AppTree.prototype;
const { get_state, register_component, reload, unregister_component, update_state } = own;
const rootOf = Object.getOwnPropertyDescriptor(own, "root")?.get;
const wholeTree = ["find_attached_events", "get_state", "register_component", "reload", "unregister_component", "update_state"];

/** @type {WeakMap<object, Map<number, string[]>>} by the list of all events: their names, by the component */
const eventsOf = new WeakMap();
/** @type {WeakMap<Tree, Map<number, {set: Function, get: () => Promise<object>}>>} what is on the screen */
const shown = new WeakMap();
/** @type {WeakMap<Node, Map<number, Node>>} by the root of a tree */
const nodes = new WeakMap();
/** @type {WeakSet<Tree>} */
const built = new WeakSet();
/** The component that is being written to, as long as gradio looks for it. @type {Node | null} */
let sought = null;

/** @param {Iterable<{targets: [number, string][]}>} events @returns {Map<number, string[]>} */
const byComponent = (events) => {
  const found = new Map();
  for (const { targets } of events)
    for (const [id, name] of new Map([...targets].reverse()))
      if (name) found.set(id, [...(found.get(id) ?? []), name]);
  return found;
};

/** @param {Tree} tree @param {number} id @returns {Node | undefined} */
const nodeOf = (tree, id) => {
  const root = rootOf.call(tree);
  if (!nodes.has(root)) {
    const found = new Map();
    const walk = (node) => {
      found.set(node.id, node);
      node.children?.forEach(walk);
    };
    walk(root);
    nodes.set(root, found);
  }
  return nodes.get(root).get(id);
};

/** @param {Tree} tree */
const shownOf = (tree) => {
  if (!shown.has(tree)) shown.set(tree, new Map());
  return shown.get(tree);
};

const quicker = {
  find_attached_events(node, events) {
    if (!eventsOf.has(events)) eventsOf.set(events, byComponent(events));
    node.props.shared_props.attached_events = eventsOf.get(events).get(node.id) ?? [];
    return node;
  },

  register_component(id, set, get) {
    shownOf(this).set(id, { set, get });
    return register_component.call(this, id, set, get);
  },

  unregister_component(id, set) {
    const known = shownOf(this);
    if (!set || known.get(id)?.set === set) known.delete(id);
    return unregister_component.call(this, id, set);
  },

  async get_state(id) {
    const one = shownOf(this).get(id);
    if (one) return one.get();
    const node = nodeOf(this, id);
    return node ? { value: node.props.props.value } : get_state.call(this, id);
  },

  // Up to where it first waits, gradio does no more with the root than to look from there for the component.
  update_state(id, state, checksVisibility) {
    sought = nodeOf(this, id) ?? null;
    try {
      return update_state.call(this, id, state, checksVisibility);
    } finally {
      sought = null;
    }
  },

  // The first time is just behind the building, with the same components.
  reload(...all) {
    if (built.has(this)) return reload.apply(this, all);
    built.add(this);
    return undefined;
  },
};

if (rootOf && wholeTree.every((name) => typeof own[name] === "function")) {
  Object.assign(own, quicker);
  const root = Object.getOwnPropertyDescriptor(own, "root");
  Object.defineProperty(own, "root", {
    ...root,
    get() {
      return sought ?? rootOf.call(this);
    },
  });
  document.documentElement.dataset.tree = "quick";
}
