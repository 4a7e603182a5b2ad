"use strict";
// Navigation without reloading, parts that are asked for one by one, popovers; nothing is kept
// here: a page's state is its address.
(() => {
  const AT_ONCE = 3, SLOW_MS = 1200, BAR_MS = 120, ALONE_MS = 1000, UNSEEN_MS = 250;
  const root = document.documentElement;
  const main = document.getElementById("main"), rail = document.getElementById("rail");
  const said = document.getElementById("said"), bar = document.getElementById("progress");
  let page = new AbortController();

  const say = (text) => { said.textContent = text; };
  const element = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // ---- figures: drawn when they come near ----
  // The script that draws keeps a browser busy for long: numbers are shown before it runs.
  const plotly = document.getElementById("plotly");
  const loadPlotly = () => { if (!plotly.src) plotly.src = plotly.dataset.address; };
  // A tab that is not looked at paints nothing.
  const painted = () => new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, UNSEEN_MS);
  });
  // One by one, so that a click or a number never waits for more than one figure.
  let drawing = Promise.resolve();
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      drawing = drawing.then(() => entry.target.isConnected && pellucid.draw(entry.target)).then(painted);
    }
  }, { rootMargin: "300px" });
  const drawWithin = (box) =>
    box.querySelectorAll(".chart[data-figure]").forEach((chart) => near.observe(chart));
  function forget(box) {
    box.querySelectorAll(".chart[data-ready]").forEach((chart) => window.Plotly.purge(chart));
  }

  // ---- parts ----
  async function ask(part) {
    const stop = new AbortController(), started = performance.now();
    const leave = () => stop.abort("left");
    page.signal.addEventListener("abort", leave);
    const state = part.querySelector(".state");
    const tick = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / 1000);
      if (!state || performance.now() - started < SLOW_MS) return;
      state.textContent = `Asking … ${seconds} s `;
      const cancel = element('<button type="button" class="link">Cancel</button>');
      cancel.addEventListener("click", () => stop.abort("cancelled"));
      state.append(cancel);
    }, 1000);
    try {
      const reply = await fetch(part.dataset.address, { signal: stop.signal });
      const html = await reply.text();
      if (!(reply.headers.get("content-type") || "").startsWith("text/html")) throw new Error(`status ${reply.status}`);
      part.innerHTML = html;
      part.removeAttribute("data-part");
      part.removeAttribute("aria-busy");
      drawWithin(part);
    } catch (error) {
      if (stop.signal.reason === "left") return;
      const was = stop.signal.reason === "cancelled" ? "Cancelled." : "The server did not answer.";
      part.setAttribute("aria-busy", "false");
      part.replaceChildren(element('<div class="card full state-card"><h2></h2><p></p><p><button type="button" class="button" data-again>Try again</button></p></div>'));
      part.querySelector("h2").textContent = part.dataset.title;
      part.querySelector("p").textContent = was;
    } finally {
      clearInterval(tick);
      page.signal.removeEventListener("abort", leave);
    }
  }

  async function askAll() {
    const waiting = [...main.querySelectorAll("[data-part]")], own = page;
    delete root.dataset.ready;
    const worker = async () => {
      while (waiting.length && !own.signal.aborted) await ask(waiting.shift());
    };
    // What stands on top is read first: for a second it does not share the server with the rest.
    const first = waiting.length ? ask(waiting.shift()) : null;
    await Promise.race([first, new Promise((done) => setTimeout(done, ALONE_MS))]);
    await painted();
    loadPlotly();
    await Promise.all([first, ...Array.from({ length: AT_ONCE }, worker)]);
    if (own.signal.aborted) return;
    root.dataset.ready = "1";
    say(`${document.title} is shown`);
  }

  main.addEventListener("click", (event) => {
    const again = event.target.closest("[data-again]");
    if (!again) return;
    const part = again.closest(".part");
    if (!part) { location.reload(); return; }
    part.dataset.part = "";
    part.replaceChildren(element('<div class="card full waiting"><h2></h2><p class="state">Asking …</p><div class="skeleton"></div></div>'));
    part.querySelector("h2").textContent = part.dataset.title;
    part.setAttribute("aria-busy", "true");
    ask(part);
  });

  // ---- navigation ----
  function begin(top = 0) {
    main.querySelectorAll("[data-remember]").forEach((field) => {
      try { field.value ||= localStorage.getItem("pellucid-" + field.dataset.remember) || ""; } catch { /* no storage */ }
    });
    main.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
    drawWithin(main);
    watchDemo();
    askAll().then(() => { if (top && !page.signal.aborted) scrollTo(0, top); });
  }

  async function go(address, { isNew = true, top = 0 } = {}) {
    page.abort();
    page = new AbortController();
    const own = page;
    delete root.dataset.ready;
    const late = setTimeout(() => { bar.hidden = false; main.classList.add("old"); }, BAR_MS);
    try {
      const reply = await fetch(address, { signal: own.signal, headers: { accept: "text/html" } });
      if (!(reply.headers.get("content-type") || "").startsWith("text/html")) {
        location.assign(address);
        return;
      }
      const found = new DOMParser().parseFromString(await reply.text(), "text/html");
      const isSame = new URL(address, location.href).pathname === location.pathname;
      const left = scrollY;
      forget(main);
      document.title = found.title;
      main.replaceChildren(...found.getElementById("main").childNodes);
      rail.replaceChildren(...found.getElementById("rail").childNodes);
      if (isNew && reply.url !== location.href) {
        history.replaceState({ top: left }, "");
        history.pushState(null, "", reply.url);
      }
      shown = location.pathname + location.search;
      if (!isSame) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
      begin(top);
    } catch (error) {
      if (own.signal.aborted) return;
      main.querySelector(".note.lost")?.remove();
      const note = element('<p class="note lost" role="alert">The server did not answer; what is shown is from before. <button type="button" class="link">Try again</button></p>');
      note.querySelector("button").addEventListener("click", () => go(address, { isNew }));
      main.prepend(note);
    } finally {
      clearTimeout(late);
      if (own === page) { bar.hidden = true; main.classList.remove("old"); }
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const to = new URL(link.href, location.href);
    const isOurs = to.origin === location.origin && !link.hasAttribute("download") && !link.target;
    if (!isOurs || to.pathname.startsWith("/api") || (to.hash && to.pathname === location.pathname)) return;
    event.preventDefault();
    go(to.href);
  });
  // A move within a page, such as to its content, is no other page.
  let shown = location.pathname + location.search;
  history.scrollRestoration = "manual";
  addEventListener("popstate", (event) => {
    if (location.pathname + location.search === shown) return;
    go(location.href, { isNew: false, top: event.state?.top });
  });

  // ---- the form above a page ----
  function addressOf(form) {
    const pairs = [...new FormData(form)].filter(([, value]) => value !== "");
    const hasDays = pairs.some(([key]) => key === "from" || key === "to");
    const kept = pairs.filter(([key, value]) => !(key === "range" && hasDays) && !(key === "range" && value === "30d") && !(key === "compare" && value === "previous"));
    const query = new URLSearchParams(kept).toString();
    return form.getAttribute("action") + (query ? "?" + query : "");
  }
  const apply = (form) => go(addressOf(form));
  main.addEventListener("change", (event) => {
    const field = event.target, form = field.closest("form[data-live]");
    if (field.dataset.remember) {
      try { localStorage.setItem("pellucid-" + field.dataset.remember, field.value); } catch { /* no storage */ }
    }
    if (!form) return;
    const panel = field.closest(".panel");
    if (panel) { panel.dataset.changed = "1"; return; }
    if (field.name === "range") form.querySelectorAll('[type="date"]').forEach((day) => { day.value = ""; });
    apply(form);
  });
  main.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-live]")) return;
    event.preventDefault();
    apply(event.target);
  });

  // ---- popovers ----
  const opened = () => [...document.querySelectorAll("details.popover[open]")];
  document.addEventListener("toggle", (event) => {
    const box = event.target;
    if (!box.matches?.("details.popover")) return;
    if (box.open) {
      opened().forEach((other) => { if (other !== box) other.open = false; });
      const panel = box.querySelector(".panel");
      panel?.classList.remove("from-right");
      panel?.classList.toggle("from-right", panel.getBoundingClientRect().right > root.clientWidth);
      if (box.dataset.options) loadOptions(box);
      return;
    }
    const panel = box.querySelector(".panel[data-changed]");
    if (panel) { delete panel.dataset.changed; apply(panel.closest("form")); }
  }, true);
  document.addEventListener("click", (event) => {
    opened().forEach((box) => { if (!box.contains(event.target)) box.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    opened().forEach((box) => { box.open = false; box.querySelector("summary").focus(); });
  });

  async function loadOptions(box) {
    const list = box.querySelector("[data-list]");
    try {
      const reply = await fetch(box.dataset.options, { signal: page.signal });
      if (!reply.ok) throw new Error(reply.status);
      const chosen = new Set([...list.querySelectorAll("input:checked")].map((input) => input.value));
      list.innerHTML = await reply.text();
      const there = new Map([...list.querySelectorAll("input")].map((input) => [input.value, input]));
      for (const value of chosen) there.has(value) ? (there.get(value).checked = true) : addOption(list, box, value);
      delete box.dataset.options;
    } catch {
      if (!page.signal.aborted) list.append(element('<p class="quiet">The values could not be read; type one.</p>'));
    }
  }
  function addOption(list, box, value) {
    const option = element('<label class="option"><input type="checkbox" checked><span></span></label>');
    const input = option.querySelector("input");
    input.name = "is." + box.dataset.name;
    input.value = value;
    option.querySelector("span").textContent = value;
    list.prepend(option);
  }
  main.addEventListener("input", (event) => {
    if (!event.target.matches("[data-find]")) return;
    const text = event.target.value.toLowerCase();
    event.target.closest(".panel").querySelectorAll(".option").forEach((option) => {
      option.hidden = !option.textContent.toLowerCase().includes(text);
    });
  });
  main.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-find]")) return;
    event.preventDefault();
    const value = event.target.value.trim(), box = event.target.closest("details");
    if (!value) return;
    const list = box.querySelector("[data-list]"), every = [...list.querySelectorAll("input")];
    const seen = every.filter((input) => !input.closest(".option").hidden);
    const found = every.find((input) => input.value === value) ?? (seen.length === 1 ? seen[0] : null);
    if (!found && seen.length) { say(`${seen.length} values have this: choose one`); return; }
    if (found) found.checked = true; else addOption(list, box, value);
    event.target.closest(".panel").dataset.changed = "1";
    box.open = false;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
    say("The link is copied");
    setTimeout(() => { button.textContent = "Copy link"; }, 1500);
  });

  // ---- the demo, while it is being loaded ----
  async function watchDemo() {
    const box = main.querySelector("[data-demo-state]"), own = page;
    if (!box) return;
    while (!own.signal.aborted) {
      await new Promise((done) => setTimeout(done, 1000));
      try {
        const state = await (await fetch("/demo", { signal: own.signal })).json();
        box.textContent = state.said;
        if (state.is_done) { location.assign("/"); return; }
      } catch { /* asked again in a second */ }
    }
  }

  begin();
})();
