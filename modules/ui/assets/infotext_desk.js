// Infotexts and requests that the page's scripts were given go to the server from here, which fills the form.
/** @param {string} infotext */
window.atelier.useInfotext = (infotext) => trigger("select", { infotext });
/** @param {{task: string, fields: Record<string, unknown>}} form a request */
window.atelier.useRequest = (form) => trigger("select", { form });
element.style.display = "none";
