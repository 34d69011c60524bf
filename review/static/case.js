// The case: takes it when it is looked at and says every minute that somebody is there, while somebody is (present.js); fetches the next
// case ahead; sends an act and shows the next case without loading a page. Without it every form works by itself.
"use strict";
(() => {
  const BEAT_MS = 60000;
  let ahead = null;
  const part = () => document.getElementById("case");
  const headers = { "x-weir-script": "1", "Content-Type": "application/x-www-form-urlencoded" };
  const post = (path, fields) => fetch(path, { method: "POST", headers, body: new URLSearchParams(fields) });
  const text = (page, selector) => page.querySelector(selector)?.textContent.trim() || "";

  const beat = async () => {
    const here = part();
    if (!here || !here.dataset.beat || !weirIsPresent()) return;
    const answer = await post(here.dataset.beat, { csrf: here.dataset.csrf }).catch(() => null);
    const held = document.getElementById("held");
    if (!answer || part() !== here || !held) return;
    if (answer.ok) here.dataset.mine = "1";
    else if (answer.status === 409) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      held.textContent = text(page, "main p") || held.textContent;
      held.className = "badge warn";
    }
  };
  const fetchAhead = async () => {
    const here = part();
    ahead = null;
    if (!here || !here.dataset.next) return;
    const path = here.dataset.next;
    const answer = await fetch(path, { headers: { "x-weir-ahead": "1" } }).catch(() => null);
    if (answer && answer.ok && part() === here) ahead = { id: here.dataset.nextId, html: await answer.text() };
  };
  // How long one has been here, by the server's own record; what was fetched ahead is of some time ago.
  const rest = async () => {
    const place = document.getElementById("exposure");
    if (!place || !weirIsPresent()) return;
    const answer = await fetch("/review/exposure", { cache: "no-store" }).catch(() => null);
    if (!answer || !answer.ok || answer.redirected || document.getElementById("exposure") !== place) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    place.replaceChildren(...fresh.body.childNodes);
  };
  const show = (html, path) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.getElementById("case");
    if (!fresh) { location.assign(path); return; }
    part().replaceWith(document.adoptNode(fresh));
    document.title = page.title;
    history.pushState({}, "", path);
    scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
    performance.mark("weir-shown");
    begin();
  };
  const begin = () => { beat().then(rest); fetchAhead(); };
  const fail = (words) => {
    const error = document.getElementById("act-error");
    if (error) { error.textContent = words; error.hidden = false; }
  };
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.id !== "act" && !form.classList.contains("done")) return;
    event.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    performance.mark("weir-sent");
    try {
      const fields = new FormData(form);
      // The server notes what was fetched ahead as seen, if that is what is shown next.
      if (ahead) fields.set("ahead", ahead.id);
      const answer = await post(form.action, fields);
      const words = await answer.text();
      if (!answer.ok) {
        const page = new DOMParser().parseFromString(words, "text/html");
        fail([text(page, "main h1"), text(page, "main p")].filter(Boolean).join(": "));
        return;
      }
      performance.mark("weir-stored");
      const path = new URL(words, location.href);
      const id = path.pathname.split("/").pop();
      // What was taken back is not what was fetched ahead, even if it is the same case.
      if (form.id === "act" && path.pathname.startsWith("/review/case/") && ahead && ahead.id === id && answer.headers.has("x-weir-noted")) {
        const { html } = ahead;
        const undone = await undoOf(path);
        show(html, path.pathname + path.search);
        if (undone) part().prepend(undone);
        return;
      }
      if (!path.pathname.startsWith("/review/case/")) { location.assign(path); return; }
      const next = await fetch(path);
      show(await next.text(), path.pathname + path.search);
    } catch {
      fail(form.dataset.offline || "…");
    } finally {
      delete form.dataset.busy;
    }
  });
  // What was fetched ahead does not know what was done a moment ago: the offer to take it back is made here.
  const undoOf = async (path) => {
    const made = document.getElementById("undo-form");
    const what = path.searchParams.get("what");
    if (!made || !path.searchParams.get("done")) return null;
    const form = made.content.firstElementChild.cloneNode(true);
    form.action = `/review/case/${path.searchParams.get("of")}/undo`;
    form.querySelector("[name=act]").value = path.searchParams.get("done");
    const word = made.content.querySelector(`[data-what="${CSS.escape(what)}"]`);
    if (word) form.querySelector("span").textContent = word.textContent;
    return form;
  };
  // What is chosen suggests the clause, until somebody chooses one.
  document.addEventListener("change", (event) => {
    const clause = document.querySelector("#act select[name=policy]");
    if (!clause) return;
    if (event.target === clause) { clause.dataset.touched = "1"; return; }
    if (clause.dataset.touched || !event.target.matches("#act input[name=act], #act input[name=label]")) return;
    const suggested = [...document.querySelectorAll("#act input:checked")].map((input) => input.dataset.clause).filter(Boolean);
    clause.value = suggested.pop() || clause.dataset.chosen;
  });
  addEventListener("popstate", () => location.reload());
  setInterval(beat, BEAT_MS);
  setInterval(rest, 60000);
  if (part()) begin();
})();
