"use strict";
// Runs before the page is drawn, so that a chosen theme does not flash. Storage may be forbidden, as of a file.
(() => {
  const names = ["auto", "light", "dark"];
  const read = () => {
    try { return localStorage.getItem("potemkin-theme") || "auto"; } catch { return "auto"; }
  };
  const apply = (name) => {
    document.documentElement.style.colorScheme = name === "auto" ? "" : name;
  };
  let chosen = names.includes(read()) ? read() : "auto";
  apply(chosen);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const show = () => { button.textContent = `Theme: ${chosen}`; };
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      chosen = names[(names.indexOf(chosen) + 1) % names.length];
      apply(chosen);
      show();
      try { localStorage.setItem("potemkin-theme", chosen); } catch { /* for this page alone, then */ }
    });
  });
})();
