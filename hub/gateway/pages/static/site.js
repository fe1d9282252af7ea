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

  // Moments on a line: the same choice as the list, which stays for whoever has no script.
  const slide = () => {
    for (const form of document.querySelectorAll("form.timebar")) {
      const list = form.querySelector("select");
      if (form.querySelector(".slider")) continue;
      const bar = document.createElement("input");
      const text = document.createElement("output");
      const both = document.createElement("div");
      Object.assign(bar, { type: "range", min: 0, max: list.length - 1, step: 1 });
      bar.value = list.selectedIndex;
      bar.id = list.id;
      list.removeAttribute("id");
      both.className = "slider";
      both.append(bar, text);
      const say = () => {
        text.textContent = list.options[bar.value].text;
        bar.setAttribute("aria-valuetext", text.textContent);
      };
      bar.addEventListener("input", say);
      bar.addEventListener("change", () => { list.selectedIndex = bar.value; form.submit(); });
      say();
      list.hidden = true;
      form.querySelector("button").hidden = true;
      list.after(both);
    }
  };

  // The chart as a thing to explore; the library is loaded only for whoever wants it.
  const load = (url) => new Promise((done, failed) => {
    if (window.vegaEmbed) { done(); return; }
    const script = document.createElement("script");
    Object.assign(script, { src: url, onload: done, onerror: failed });
    document.head.append(script);
  });
  const draw = async (button) => {
    const figure = button.closest("section").querySelector("figure.chart");
    const name = button.textContent;
    button.disabled = true;
    button.textContent = button.dataset.loading;
    try {
      const small = matchMedia("(max-width: 44rem)").matches ? "&size=small" : "";
      const [answer] = await Promise.all([
        fetch(button.dataset.chart + small), load(button.dataset.library),
      ]);
      const spec = await answer.json();
      const place = document.createElement("div");
      place.className = "drawn";
      const picture = figure.querySelector("picture");
      spec.description = picture.querySelector("img").alt;
      picture.after(place);
      await window.vegaEmbed(place, spec, {
        ast: true, actions: false, defaultStyle: false, renderer: "canvas",
        tooltip: { disableDefaultStyle: true },
      });
      picture.hidden = true;
      button.hidden = true;
    } catch {
      button.textContent = name;
      button.disabled = false;
      news.textContent = button.dataset.failed;
    }
  };
  const enhance = () => {
    slide();
    for (const one of document.querySelectorAll("button.live")) one.hidden = false;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.live");
    if (button) draw(button);
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
    enhance();
    news.textContent = document.body.dataset.liveText;
    setTimeout(() => { news.textContent = ""; }, 8000);
  };
  enhance();
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
