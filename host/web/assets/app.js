// What a page cannot do by itself: live progress, keys, and going back. Every page works without it.
"use strict";
(() => {
  // Progress of a run: fills the bar, and shows the result when the work is over.
  const follow = (panel) => {
    const bar = panel.querySelector("progress");
    const text = panel.querySelector("[data-progress-text]");
    const source = new EventSource(panel.dataset.progress);
    const show = (event) => {
      const { done, total } = JSON.parse(event.data);
      bar.max = Math.max(total, 1);
      bar.value = done;
      text.textContent = total > 0 ? `${done.toLocaleString()} / ${total.toLocaleString()}` : "";
    };
    source.addEventListener("progress", show);
    source.addEventListener("done", (event) => {
      show(event);
      source.close();
      location.reload();
    });
    addEventListener("pagehide", () => source.close());
  };
  document.querySelectorAll("[data-progress]").forEach(follow);

  const typing = (element) => element && element.matches("input, textarea, select");
  const fields = () => [...document.querySelectorAll("[data-find]")].filter((field) => field.offsetParent !== null);
  const move = (step) => {
    const links = [...document.querySelectorAll("[data-row]")];
    const next = links[links.indexOf(document.activeElement) + step] ?? (links.includes(document.activeElement) ? null : links[0]);
    if (next) next.focus();
    return Boolean(next);
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = document.activeElement;
    if (event.key === "/" && !typing(here)) {
      const field = fields().pop();
      if (field) {
        event.preventDefault();
        field.focus();
        field.select();
      }
    } else if (event.key === "Escape") {
      document.querySelectorAll("details.confirm[open]").forEach((box) => { box.open = false; });
      if (typing(here)) here.blur();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (!typing(here) || here.type === "search")) {
      if (move(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
    }
  });

  // A row opens as a whole; its link stays what it is.
  addEventListener("click", (event) => {
    if (event.target.closest("a, button, input, summary, details, label")) return;
    const link = event.target.closest("table.list tbody tr")?.querySelector("[data-row]");
    if (link && !String(getSelection())) link.click();
  });

  // Only one confirmation is open at a time.
  addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.confirm[open]")) return;
    document.querySelectorAll("details.confirm[open]").forEach((box) => { if (box !== event.target) box.open = false; });
  }, true);

  document.querySelectorAll("[data-back]").forEach((link) => {
    if (history.length < 2) return;
    link.hidden = false;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      history.back();
    });
  });
})();
