// Infotexts that the page's scripts were given go to the server from here, which fills the form.
/** @param {string} infotext */
window.atelier.useInfotext = (infotext) => trigger("select", { infotext });
element.style.display = "none";
