"use strict";
(() => {
  document.documentElement.classList.add("js");
  let chosen = null;
  try { chosen = localStorage.getItem("pellucid-theme"); } catch { /* a file may have no storage */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
