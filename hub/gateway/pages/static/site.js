// What a page can do more with a script: high contrast, moments as a slider, news.
// Without it everything is there as well.
"use strict";

(() => {
  const root = document.documentElement;
  const memory = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* private */ } },
  };

  const contrast = (on) => {
    if (on) root.dataset.contrast = "high"; else delete root.dataset.contrast;
    for (const one of document.querySelectorAll("button.contrast")) {
      one.hidden = false;
      one.setAttribute("aria-pressed", String(on));
    }
  };
  contrast(memory.get("contrast") === "high");
  document.addEventListener("click", (event) => {
    if (!event.target.closest("button.contrast")) return;
    const on = root.dataset.contrast !== "high";
    memory.set("contrast", on ? "high" : "");
    contrast(on);
  });

  // A new release: the content of the page is asked for again and put in its place.
  const news = document.querySelector(".news");
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const text = await answer.text();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const [here, there] = [document, fresh].map((one) => one.querySelector("main"));
    if (!here || !there) return;
    const open = Boolean(here.querySelector("details.picker[open]"));
    here.replaceChildren(...there.childNodes);
    const picker = here.querySelector("details.picker");
    if (picker && open) picker.open = true;
    news.textContent = document.body.dataset.liveText;
    setTimeout(() => { news.textContent = ""; }, 8000);
    document.dispatchEvent(new Event("kerwen:fresh"));
  };
  const wanted = (document.body.dataset.live || "").trim();
  if (wanted && "EventSource" in window) {
    let due = 0;
    const heard = () => { clearTimeout(due); due = setTimeout(refresh, 150); };
    const tables = wanted === "*" ? "" : `?tables=${encodeURIComponent(wanted)}`;
    const source = new EventSource(`/live${tables}`);
    source.addEventListener("release", heard);
    source.addEventListener("withdraw", heard);
    source.addEventListener("open", () => { root.dataset.hearing = "yes"; });
    addEventListener("pagehide", () => source.close());
  }
})();
