"use strict";
// Sorting and filtering of tables.
// Everything is there without it; nothing here makes HTML out of text.
(() => {
  const number = (text) => {
    const found = /^<?\s*[-+]?\d+(\.\d+)?/.exec(text.replace(/,/g, ""));
    return found ? parseFloat(found[0].replace("<", "")) : NaN;
  };

  // -- sorting --------------------------------------------------------------------------------------------------------

  function valuesOf(rows, place) {
    const cells = rows.map((row) => row.cells[place]);
    const stated = cells.map((cell) => (cell.dataset.v === undefined ? NaN : parseFloat(cell.dataset.v)));
    if (stated.some((value) => !Number.isNaN(value))) return stated;
    const texts = cells.map((cell) => cell.textContent.trim());
    const numbers = texts.map(number);
    const told = texts.filter((text) => text !== "" && text !== "-" && text !== "n/a");
    const numeric = told.length > 0 && told.every((text) => !Number.isNaN(number(text)));
    return numeric ? numbers : texts.map((text) => text.toLowerCase());
  }

  function sort(table, header, direction) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const values = valuesOf(rows, header.cellIndex);
    const sign = direction === "ascending" ? 1 : -1;
    const empty = (value) => value === "" || value === "-" || Number.isNaN(value);
    const order = rows.map((_, place) => place);
    const collator = new Intl.Collator(undefined, { numeric: true });
    order.sort((one, two) => {
      const first = values[one], second = values[two];
      if (empty(first) || empty(second)) return empty(first) - empty(second) || one - two; // what has no number goes last
      const found = typeof first === "number" ? first - second : collator.compare(first, second);
      return sign * found || one - two;
    });
    const sorted = document.createDocumentFragment();
    for (const place of order) sorted.append(rows[place]);
    body.append(sorted);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction);
  }

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const header = button && button.closest("th");
      if (!header) return;
      const before = header.getAttribute("aria-sort");
      const numeric = header.classList.contains("r");
      const first = header.dataset.first || (numeric ? "descending" : "ascending");
      const other = first === "ascending" ? "descending" : "ascending";
      sort(table, header, before === first ? other : first);
    });
  }

  // -- filtering ------------------------------------------------------------------------------------------------------

  for (const tools of document.querySelectorAll("[data-tools-for]")) {
    const table = document.getElementById(tools.dataset.toolsFor);
    const rows = Array.from(table.tBodies[0].rows);
    const one = (name) => tools.querySelector(`[${name}]`);
    const text = one("data-filter"), gradient = one("data-gradient"), flagless = one("data-flagless");
    const extra = one("data-extra"), count = one("data-count");
    const filter = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const fits = words.every((word) => row.dataset.words.includes(word))
          && (!gradient.value || row.dataset.gradient === gradient.value)
          && (!flagless.checked || row.dataset.flags === "0");
        row.hidden = !fits;
        shown += fits;
      }
      const left = rows.filter((row) => !row.hidden).map((row) => row.dataset.name);
      table.dispatchEvent(new CustomEvent("filtered", { detail: shown === rows.length ? null : new Set(left) }));
      count.textContent = shown === rows.length ? `${shown} models` : `${shown} of ${rows.length} models`;
    };
    tools.hidden = false;
    for (const field of [text, gradient, flagless]) field.addEventListener("input", filter);
    if (extra) {
      extra.addEventListener("input", () => table.classList.toggle("every", extra.checked));
      table.classList.toggle("every", extra.checked);
    }
    filter(); // a browser may have kept what was typed
  }
})();
