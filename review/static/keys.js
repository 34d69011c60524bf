// Keys: an element with data-key="x" is clicked, chosen or focused by that key; j and k move through rows; ? shows all keys. While
// somebody types, only Escape and Ctrl+Enter are keys. Listens on the document, so that a part of the page may be replaced.
"use strict";
(() => {
  const types = (element) => element.matches("textarea, select, input:not([type=radio]):not([type=checkbox]):not([type=hidden])");
  const open = (id) => {
    const dialog = document.getElementById(id);
    if (dialog && !dialog.open) dialog.showModal();
  };
  const use = (element) => {
    // What is folded away is unfolded by its key.
    const folded = element.closest("details");
    if (folded) folded.open = true;
    if (element.dataset.dialog) open(element.dataset.dialog);
    else if (types(element)) element.focus();
    else if (element.type === "radio") { element.checked = true; element.focus(); element.dispatchEvent(new Event("change", { bubbles: true })); }
    else element.click();
  };
  const move = (by) => {
    const rows = [...document.querySelectorAll("[data-row]")];
    if (rows.length === 0) return;
    const here = rows.indexOf(document.activeElement);
    const next = rows[Math.min(Math.max(here + by, 0), rows.length - 1)];
    document.querySelectorAll("tr.here").forEach((row) => row.classList.remove("here"));
    next.closest("tr").classList.add("here");
    next.focus();
  };
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) open(opener.dataset.dialog);
  });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.metaKey) return;
    const typing = types(event.target);
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (event.key === "Enter" && event.ctrlKey) {
      const form = document.getElementById("act");
      if (form) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (typing || event.ctrlKey || document.querySelector("dialog[open]")) return;
    if (event.key === "j" || event.key === "k") { move(event.key === "j" ? 1 : -1); return; }
    if (event.key === "Enter") return;
    const found = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (found && !found.disabled) { event.preventDefault(); use(found); }
  });
})();
