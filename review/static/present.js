// Whether somebody is here: they have moved, touched or typed something within the last five minutes. What a page sends by itself as a sign
// of life it sends only then, so that a claim and a session end at a desk that somebody left.
"use strict";
(() => {
  const PRESENT_MS = 300000;
  let last = Date.now();
  const note = (event) => { if (event.isTrusted) last = Date.now(); };
  for (const kind of ["keydown", "pointerdown", "pointermove", "touchmove", "wheel"]) addEventListener(kind, note, { capture: true, passive: true });
  globalThis.weirIsPresent = () => !document.hidden && Date.now() - last < PRESENT_MS;
})();
