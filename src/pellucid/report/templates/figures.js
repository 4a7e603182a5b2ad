"use strict";
// Draws figures whose colours are tokens, and saves what cards hold; the page decides when.
const pellucid = (() => {
  const CONFIG = __CONFIG__;
  const TOKEN = /^@([a-z_0-9]+)(?:\/(\d{1,3}))?$/;
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const figures = new WeakMap();

  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const charts = () => [...document.querySelectorAll(".chart[data-figure]")];
  const drawn = () => charts().filter((box) => box.dataset.ready);

  function colour(text, style) {
    const match = TOKEN.exec(text);
    if (!match) return text;
    const value = style.getPropertyValue("--" + match[1].replaceAll("_", "-")).trim();
    if (!value) return text;
    if (match[2] === undefined) return value;
    const parts = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    return `rgba(${parts.join(",")},${match[2] / 100})`;
  }

  function resolve(value, style) {
    if (typeof value === "string") return value[0] === "@" ? colour(value, style) : value;
    if (Array.isArray(value)) return value.map((item) => resolve(item, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(v, style)]));
    }
    return value;
  }

  // A narrow screen has no room for every column of numbers; the table below has them all.
  const isNarrow = (box) => box.clientWidth < 430;
  function fit(layout, narrow) {
    const cut = layout.meta && layout.meta.narrow_cut;
    if (!cut || !narrow) return layout;
    const annotations = layout.annotations.filter((item) => item.name !== "wide");
    return { ...layout, annotations, margin: { ...layout.margin, r: layout.margin.r - cut } };
  }

  // Numbers do not wait for the script that draws: where it is not in the page, it may come later.
  const plotly = new Promise((done) => {
    if (window.Plotly) done();
    else document.getElementById("plotly").addEventListener("load", done);
  });

  async function drawNow(box, most) {
    await plotly;
    if (!box.isConnected) return;
    if (!figures.has(box)) figures.set(box, read(box.dataset.figure));
    const figure = figures.get(box), style = getComputedStyle(root);
    const layout = fit(resolve(figure.layout, style), isNarrow(box));
    if (most) layout.width = Math.min(most, box.clientWidth);
    await Plotly.react(box, resolve(figure.data, style), layout, CONFIG);
    box.dataset.narrow = isNarrow(box);
    box.dataset.ready = "1";
  }

  async function draw(box, most) {
    try {
      await drawNow(box, most);
    } catch (error) {
      box.classList.add("failed");
      box.textContent = "This figure could not be drawn. Its numbers are below.";
      box.closest(".card, .step")?.querySelector("details.numbers")?.setAttribute("open", "");
      console.error(error);
    }
  }

  const redraw = () => drawn().forEach((box) => draw(box));

  const button = document.getElementById("theme");
  const nameTheme = () => { button.textContent = isDark() ? "Light mode" : "Dark mode"; };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("pellucid-theme", root.dataset.theme); } catch { /* as above */ }
    nameTheme();
    redraw();
  });
  prefersDark.addEventListener("change", () => { nameTheme(); redraw(); });
  nameTheme();

  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => drawn().filter(
      (box) => box.dataset.narrow !== String(isNarrow(box))).forEach((box) => draw(box)), 150);
  });

  // Text that a spreadsheet would run as a formula is kept as text.
  const field = (value) => {
    if (value === null || value === undefined) return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const save = (url, name) => {
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  };
  function saveCsv(id, name) {
    const { columns, rows } = read(id);
    const text = [columns, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
    const url = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv;charset=utf-8" }));
    save(url, name + ".csv");
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  async function savePicture(id, name, format) {
    const box = document.getElementById(id);
    const figure = figures.get(box), style = getComputedStyle(root);
    const layout = { ...resolve(figure.layout, style), width: box.clientWidth,
      paper_bgcolor: colour("@surface", style) };
    const picture = { data: resolve(figure.data, style), layout, config: CONFIG };
    save(await Plotly.toImage(picture, { format, scale: format === "png" ? 2 : 1, width: box.clientWidth,
      height: figure.layout.height }), name + "." + format);
  }
  document.addEventListener("click", (event) => {
    const tool = event.target.closest("button[data-csv],button[data-picture]");
    if (!tool) return;
    if (tool.dataset.csv) saveCsv(tool.dataset.csv, tool.dataset.name);
    else savePicture(tool.dataset.picture, tool.dataset.name, tool.dataset.format);
  });

  // Cells without a value stay last, whichever way a table is sorted.
  function sortBy(head) {
    const body = head.closest("table").tBodies[0], place = head.cellIndex;
    const first = head.classList.contains("num") ? "descending" : "ascending";
    const order = !head.ariaSort ? first : head.ariaSort === "ascending" ? "descending" : "ascending";
    head.parentElement.querySelectorAll("[aria-sort]").forEach((other) => { other.ariaSort = null; });
    head.ariaSort = order;
    const keyed = [...body.rows].map((row) => {
      const cell = row.cells[place], text = cell.textContent.trim();
      return { row, key: cell.dataset.key ?? (cell.classList.contains("none") ? null : text) };
    });
    const isNumber = head.classList.contains("num"), way = order === "ascending" ? 1 : -1;
    keyed.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return way * (isNumber ? a.key - b.key : a.key.localeCompare(b.key, undefined, { numeric: true }));
    });
    body.append(...keyed.map((item) => item.row));
  }
  document.addEventListener("click", (event) => {
    const head = event.target.closest(".grid .sort")?.closest("th"), all = event.target.closest(".all-rows");
    if (head) sortBy(head);
    if (all) all.previousElementSibling.querySelector(".cut").classList.remove("cut");
  });

  // Paper is white and narrow: print in the light colours, no wider than a page on its side.
  const PAPER = 960;
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details.definitions").forEach((part) => { part.open = true; });
    root.dataset.printing = root.dataset.theme || "auto";
    root.dataset.theme = "light";
    charts().forEach((box) => draw(box, PAPER));
  });
  addEventListener("afterprint", () => {
    if (root.dataset.printing === "auto") delete root.dataset.theme;
    else root.dataset.theme = root.dataset.printing;
    redraw();
  });

  return { charts, draw };
})();
