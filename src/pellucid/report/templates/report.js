"use strict";
(() => {
  async function drawAll() {
    for (const box of pellucid.charts()) {
      await pellucid.draw(box);
      await new Promise((done) => setTimeout(done));
    }
    document.documentElement.dataset.ready = "1";
  }

  const links = new Map([...document.querySelectorAll(".rail nav a")].map(
    (link) => [link.getAttribute("href").slice(1), link]));
  const spy = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  links.forEach((_, id) => { const part = document.getElementById(id); if (part) spy.observe(part); });

  drawAll();
})();
