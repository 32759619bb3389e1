// What the page's scripts of A1111's extensions ask for, by A1111's names. Each extension may bring this: the first
// one stays. Callbacks run once the page is there, and after it changed.
if (!window.gradioApp) {
    const called = {loaded: [], update: [], after: [], tab: []};
    const state = {is_loaded: false, tab: "", waits: false};
    const call = (callbacks, changes) => {
        for (const callback of [...callbacks]) {
            try {
                callback(changes);
            } catch (error) {
                // The message about it changes the page, which would call it again.
                callbacks.splice(callbacks.indexOf(callback), 1);
                reportError(error);
            }
        }
    };
    const chosenTab = () => document.querySelector('[role="tab"][aria-selected="true"]')?.textContent.trim() ?? "";
    const changed = (changes) => {
        if (!state.is_loaded && document.querySelector(".gradio-container")) {
            state.is_loaded = true;
            call(called.loaded);
        }
        if (!state.is_loaded) {
            return;
        }
        call(called.update, changes);
        if (!state.waits) {
            state.waits = true;
            requestAnimationFrame(() => {
                state.waits = false;
                call(called.after);
            });
        }
        const tab = chosenTab();
        if (tab !== state.tab) {
            state.tab = tab;
            call(called.tab);
        }
    };
    const taking = (kind) => (callback) => {
        called[kind].push(callback);
    };
    window.gradioApp = () => document;
    window.onUiLoaded = (callback) => (state.is_loaded ? call([callback]) : called.loaded.push(callback));
    window.onUiUpdate = taking("update");
    window.onAfterUiUpdate = taking("after");
    window.onUiTabChange = taking("tab");
    window.get_uiCurrentTab = () => document.querySelector('[role="tab"][aria-selected="true"]');
    new MutationObserver(changed).observe(document.body, {childList: true, subtree: true, attributeFilter: ["aria-selected"]});
    changed([]);
}
