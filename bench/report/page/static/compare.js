"use strict";
// What the page of two models shows; nothing here makes HTML out of text.
document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  const place = byId("compare"), a = byId("a"), b = byId("b"), said = byId("said"), at = byId("at");
  const SVG = "http://www.w3.org/2000/svg";

  // -- numbers as the command writes them -----------------------------------------------------------------------------

  // Rounded half to even, where a number lies in the very middle between two.
  function fixed(value, digits) {
    const middle = Number.isInteger(value * 2 ** (digits + 1)) && Math.abs(value * 2 * 10 ** digits) % 2 === 1;
    if (!middle) return value.toFixed(digits);
    const below = Math.floor(value * 10 ** digits);
    return ((below % 2 ? below + 1 : below) / 10 ** digits).toFixed(digits);
  }

  function percent(share) {
    if (share > 0 && share < 0.0005) return "<0.1";
    return fixed(100 * share, share >= 0.9995 && share < 1 ? 2 : 1);
  }

  function points(share) {
    const value = Math.abs(100 * share), text = fixed(value, value >= 0.1 ? 1 : 2);
    return parseFloat(text) === 0 ? "0.0" : `${share > 0 ? "+" : "−"}${text}`;
  }

  const sure = (p) => (p < 0.001 ? "<0.001" : p < 0.995 ? String(Number(p.toPrecision(2))) : "1");
  const count = (n) => n.toLocaleString("en");
  const ends = (line) => `${points(line.ends[0])} to ${points(line.ends[1])}`;

  // -- the tables -----------------------------------------------------------------------------------------------------

  const add = (to, kind, text, kindOf) => {
    const made = document.createElement(kind);
    if (text !== undefined) made.textContent = text;
    if (kindOf) made.className = kindOf;
    to.append(made);
    return made;
  };

  function drawn(line, scale) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "-100 0 200 10");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", "difference");
    const reach = (share) => (100 * share / scale).toFixed(2);
    for (const [name, path] of [
      ["zero", "M0 0V10"],
      [line.gap < 0 ? "down" : "up", `M0 5H${reach(line.gap)}`],
      ["i", `M${reach(line.ends[0])} 5H${reach(line.ends[1])}`],
    ]) {
      const made = document.createElementNS(SVG, "path");
      made.setAttribute("class", name);
      made.setAttribute("d", path);
      svg.append(made);
    }
    return svg;
  }

  // Cells that all tables of differences begin with.
  function begun(made, line, scale, apart) {
    const row = add(made, "tr");
    add(row, "th", line.asked.label).scope = "row";
    for (const text of [count(line.n), percent(line.first), percent(line.second)]) add(row, "td", text, "r");
    add(add(row, "td", undefined, "r"), apart ? "b" : "span", points(line.gap));
    add(row, "td").append(drawn(line, scale));
    add(row, "td", ends(line), "r");
    return row;
  }

  const widest = (lines) => Math.max(0.01, ...lines.flatMap((line) => line.ends.map(Math.abs)));

  function fill(id, made, rows) {
    byId(id).querySelector("tbody").replaceChildren(made);
    byId(id).hidden = rows === 0;
  }

  function showPairs(found) {
    const made = document.createDocumentFragment(), scale = widest(found.lines);
    found.lines.forEach((line, place) => {
      const row = begun(made, line, scale, line.p < 0.05);
      add(row, "td", sure(line.p), "r");
      add(row, "td", count(line.lost.length), "r");
      add(row, "td", count(line.gained.length), "r");
      const cell = add(row, "td");
      if (!(line.lost.length + line.gained.length)) return;
      const button = add(cell, "button", "show", "plainly");
      button.type = "button";
      button.setAttribute("aria-label", `Show the flipped examples at ${line.asked.label}`);
      button.addEventListener("click", () => {
        at.value = String(place);
        showFlips();
        byId("h-flipped").scrollIntoView();
        at.focus({ preventScroll: true });
      });
    });
    fill("pairs", made, found.lines.length);
  }

  function showEqual(lines) {
    const made = document.createDocumentFragment(), scale = widest(lines);
    lines.forEach((line) => begun(made, line, scale, false));
    fill("equal", made, lines.length);
  }

  function showApart(apart) {
    const made = document.createDocumentFragment(), why = new Map();
    apart.forEach((each) => why.set(each.why, (why.get(each.why) || new Set()).add(each.asked.label)));
    for (const [reason, labels] of why) {
      const row = add(made, "tr");
      add(row, "th", [...labels].join(", ")).scope = "row";
      add(row, "td", reason);
    }
    fill("apart", made, apart.length);
  }

  // -- flipped examples -----------------------------------------------------------------------------------------------

  const FIRST = 10, PICTURES = 12;
  let shown = null; // the two models, the lines, and what all models share

  // The kept input of an example that a model fell for, of the attacks behind a line; undefined where none is kept.
  function picture(model, row, example) {
    const kept = (row.pictures || []).map((place) => model.pictures[place]).filter((sheet) => example in sheet.strips);
    const wrong = (sheet, answer) => !sheet.strips[example][answer][2];
    return kept.find((sheet) => wrong(sheet, 3)) || kept.find((sheet) => wrong(sheet, 2));
  }

  function figure(sheet, example) {
    const [column, true_, before, after] = sheet.strips[example], [width, height, lines] = sheet.size;
    const made = document.createElement("figure");
    const head = add(made, "p");
    add(head, "b", true_);
    head.append(" ");
    add(head, "small", `no. ${example}`);
    const crop = add(made, "div", undefined, "crop");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-hidden", "true");
    const frames = document.createElementNS(SVG, "path");
    frames.setAttribute("d", sheet.frames);
    svg.append(frames);
    const image = document.createElement("img");
    image.loading = "lazy";
    image.className = `x${column} y${sheet.line}`;
    image.width = place.dataset.columns * width;
    image.height = lines * height;
    image.alt = `Example ${example}, true class ${true_}: clean, perturbation, adversarial`;
    image.src = `../${sheet.file}`;
    crop.append(svg, image);
    const caption = add(made, "figcaption");
    const answer = (name, [label, confidence, right]) => {
      const part = add(caption, "span");
      add(part, "small", name);
      add(part, "b", label, right ? undefined : "wrong");
      part.append(` ${confidence}`);
    };
    answer("clean", before);
    const change = add(caption, "span", `±${sheet.scale}`);
    change.prepend(Object.assign(document.createElement("small"), { textContent: "change" }));
    answer("attacked", after);
    add(made, "p", sheet.title, "under");
    return made;
  }

  function listed(to, row, examples, falls) {
    const { truth } = shown, taken = row.taken && potemkin.numbers(row.taken);
    const under = row.under && potemkin.numbers(row.under);
    const scroll = add(to, "div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `Examples on which ${falls} falls`);
    const table = add(scroll, "table", undefined, "flips"), head = add(add(table, "thead"), "tr");
    for (const name of ["example", "class", ...(taken ? ["taken for", "under"] : [])]) add(head, "th", name).scope = "col";
    const body = add(table, "tbody");
    const lines = (some) => some.forEach((example) => {
      const line = add(body, "tr");
      add(line, "th", String(example)).scope = "row";
      add(line, "td", truth.classes[truth.labels[example]]);
      if (!taken) return;
      const label = taken[example];
      add(line, "td", label === 0 ? "" : label === 1 ? "no answer" : truth.classes[label - 2]);
      add(line, "td", under[example] ? row.names[under[example] - 1] : "a smaller size");
    });
    lines(examples.slice(0, FIRST));
    if (examples.length <= FIRST) return;
    const more = add(to, "button", `all ${count(examples.length)}`, "plainly");
    more.type = "button";
    more.addEventListener("click", () => {
      lines(examples.slice(FIRST));
      more.remove();
    });
  }

  function way(id, name, line, fallen) {
    const to = byId(id), examples = line[id], model = shown.models[fallen], row = line.both[fallen];
    const [holds, falls] = [shown.models[1 - fallen].model, model.model];
    to.replaceChildren();
    add(to, "h3", `${name}: ${count(examples.length)}`);
    if (!examples.length) {
      add(to, "p", `There is no example on which ${holds} holds and ${falls} falls.`, "note");
      return;
    }
    add(to, "p", `${holds} holds, ${falls} falls.`, "note");
    const found = examples.map((example) => [picture(model, row, example), example]).filter(([sheet]) => sheet);
    if (found.length) {
      const gallery = add(to, "div", undefined, "gallery");
      gallery.append(...found.slice(0, PICTURES).map(([sheet, example]) => figure(sheet, example)));
    }
    const many = found.length > PICTURES ? `, the first ${PICTURES} shown` : "";
    const kept = found.length ? `Of ${found.length} the input is kept${many}.` : "Of none the input is kept.";
    add(to, "p", kept, "note");
    listed(to, row, examples, falls);
  }

  function showFlips() {
    const line = shown.lines[Number(at.value)];
    byId("flipped").hidden = !line;
    if (!line) return;
    way("lost", "Lost", line, 1);
    way("gained", "Gained", line, 0);
  }

  // -- both models ----------------------------------------------------------------------------------------------------

  function name(id, model) {
    const to = byId(id);
    to.replaceChildren();
    const link = add(to, "a", model.model);
    link.href = `../models/${model.slug}.html`;
    to.append(` ${model.told}`);
  }

  function show(truth, first, second) {
    const found = potemkin.paired(first, second), { lines } = found;
    shown = { models: [first, second], lines, truth: { ...truth, labels: potemkin.numbers(truth.true) } };
    name("told-a", first);
    name("told-b", second);
    for (const each of document.querySelectorAll("[data-name]")) each.textContent = shown.models[each.dataset.name].model;
    showPairs(found);
    showEqual(found.equal);
    showApart(found.apart);
    at.replaceChildren(...lines.map((line, place) => new Option(line.asked.label, String(place))));
    const ranked = lines.findIndex((line) => line.asked.what === "worst" && line.both[0].taken);
    at.value = String(ranked < 0 ? lines.length - 1 : ranked);
    showFlips();
    const rest = found.apart.length ? `, ${found.apart.length} not comparable` : "";
    said.textContent = lines.length ? `${lines.length} ${lines.length === 1 ? "row" : "rows"}${rest}` : `Nothing to compare${rest}`;
  }

  const parts = Array.from(document.querySelectorAll("[data-result]"));
  let asked = 0;
  async function compare() {
    const mine = asked += 1;
    const keys = ["examples", a.value, b.value].map((key) => `${place.dataset.suite}/${key}`);
    said.textContent = "Loading…";
    history.replaceState(null, "", `#${a.value},${b.value}`);
    try {
      const found = await Promise.all(keys.map(potemkin.load));
      if (mine === asked) show(...found);
    } catch (error) {
      if (mine !== asked) return;
      parts.forEach((part) => { part.hidden = true; });
      said.textContent = `${error.message}: the folder lacks a file of this page.`;
    }
  }

  // Names in the address choose among those offered; whatever else stands there chooses nothing.
  location.hash.slice(1).split(",").forEach((value, index) => {
    const field = [a, b][index];
    if (field && Array.from(field.options).some((option) => option.value === value)) field.value = value;
  });
  for (const field of [a, b]) field.addEventListener("change", compare);
  at.addEventListener("change", showFlips);
  byId("swap").addEventListener("click", () => {
    [a.value, b.value] = [b.value, a.value];
    compare();
  });
  compare();
});
