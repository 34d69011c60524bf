// Keeps the parts of a page that say data-fresh="PATH" up to date: fetches their text again every few seconds, and says so when the
// server does not answer. Without it the page is as it was when it was loaded.
"use strict";
(() => {
  const EVERY_MS = 5000;
  const parts = [...document.querySelectorAll("[data-fresh]")];
  const notice = document.getElementById("stale");
  let failures = 0;
  let inFlight = false;
  const look = async () => {
    if (document.hidden || inFlight) return;
    inFlight = true;
    try {
      for (const part of parts) {
        // Nothing moves below somebody's cursor or selection.
        if (part.contains(document.activeElement) && document.activeElement !== document.body) continue;
        const answer = await fetch(part.dataset.fresh, { headers: { Accept: "text/html" }, cache: "no-store" });
        if (answer.status === 401 || answer.redirected) { location.reload(); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        part.replaceChildren(...fresh.body.childNodes);
      }
      failures = 0;
      if (notice) notice.hidden = true;
    } catch {
      failures += 1;
      if (notice && failures >= 2) notice.hidden = false;
    } finally {
      inFlight = false;
    }
  };
  if (parts.length > 0) setInterval(look, EVERY_MS);
})();
