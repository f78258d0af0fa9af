"use strict";
// Curves: which is whose. One is lit when it is pointed at, chosen, or its line of the table above is pointed at or has
// the focus; those that the filter above leaves stay lit. Everything is there without it, but for the names of curves
// that there is no room for.
(() => {
  const APART = 15, NEAR = 16, MANY = 20;

  // Heights moved apart, in their order, none below the bottom; as bench/report/page/drawing.py has it.
  function spread(labels, bottom) {
    labels.sort((one, two) => one.end - two.end);
    labels.forEach((label, at) => { label.at = Math.max(label.end, at ? labels[at - 1].at + APART : 0); });
    let limit = bottom;
    for (const label of labels.reverse()) {
      label.at = Math.min(label.at, limit);
      limit = label.at - APART;
    }
  }

  function lineOf(group) {
    const curve = group.querySelector(".curve"), text = group.querySelector("text");
    const points = (curve.getAttribute("d").match(/-?[\d.]+ -?[\d.]+/g) || []).map((pair) => pair.split(" ").map(Number));
    const named = group.classList.contains("named");
    return { group, text, points, named, name: group.dataset.name, home: Number(text.getAttribute("y")) - 4 };
  }

  // How far a place on the drawing is from a line, up or down.
  function gap(points, x, y) {
    for (let at = 1; at < points.length; at += 1) {
      const [x0, y0] = points[at - 1], [x1, y1] = points[at];
      if (x >= x0 && x <= x1) return Math.abs(y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0 || 1)));
    }
    return Infinity;
  }

  class Drawing {
    constructor(svg) {
      this.svg = svg;
      this.lines = Array.from(svg.querySelectorAll(".line"), lineOf);
      const tie = this.lines[0].group.querySelector(".tie").getAttribute("d");
      this.tie = Number(/L([\d.]+)/.exec(tie)[1]);
      this.bottom = svg.viewBox.baseVal.height - 36;
    }

    // Light some lines and dim the others; none named lights all.
    light(names) {
      const few = names !== null && names.size <= MANY;
      const told = few ? this.lines.filter((line) => names.has(line.name)) : [];
      for (const line of this.lines) {
        const lit = names !== null && names.has(line.name);
        line.group.classList.toggle("lit", lit);
        line.group.classList.toggle("dim", names !== null && !lit);
        line.group.classList.toggle("told", few && lit);
        this.put(line, line.home);
      }
      const moved = told.some((line) => !line.named); // these have no place of their own among the names
      this.svg.classList.toggle("moved", moved);
      if (!moved) return;
      const labels = told.map((line) => ({ line, end: line.points[line.points.length - 1][1] }));
      spread(labels, this.bottom);
      for (const { line, at } of labels) this.put(line, at);
    }

    put(line, height) {
      const [x, y] = line.points[line.points.length - 1];
      line.text.setAttribute("y", (height + 4).toFixed(1));
      line.group.querySelector(".tie").setAttribute("d", `M${x} ${y}L${this.tie} ${height.toFixed(1)}`);
    }

    nearest(event) {
      const matrix = this.svg.getScreenCTM();
      if (!matrix) return null;
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      const beside = this.lines.find((line) => line.text.contains(event.target));
      if (beside) return beside.name;
      let best = null, least = NEAR;
      for (const line of this.lines) {
        const found = gap(line.points, place.x, place.y);
        if (found < least) [best, least] = [line.name, found];
      }
      return best;
    }
  }

  class Curves {
    constructor(root) {
      this.drawings = Array.from(root.querySelectorAll(".chart"), (svg) => new Drawing(svg));
      this.said = root.querySelector(".said");
      this.field = root.querySelector("[data-light]");
      this.filtered = null;
      this.numbers = new Map(Array.from(root.querySelectorAll(".numbers tbody tr"), (row) => [
        row.cells[0].textContent, row.cells[1].textContent,
      ]));
      for (const drawing of this.drawings) {
        for (const kind of ["pointermove", "pointerdown"]) {
          drawing.svg.addEventListener(kind, (event) => this.point(drawing.nearest(event)));
        }
        drawing.svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") this.point(null); });
      }
      if (this.field) {
        this.field.closest(".tools").hidden = false;
        this.field.addEventListener("input", () => this.show());
        if (this.field.value) this.show(); // a browser may have kept what was chosen
      }
    }

    // One that is pointed at goes before the one chosen, and that before those filtered for.
    point(name) {
      if (name === this.pointed) return;
      this.pointed = name;
      this.show();
    }

    filter(names) {
      this.filtered = names;
      this.show();
    }

    show() {
      const one = this.pointed || (this.field && this.field.value);
      const names = one ? new Set([one]) : this.filtered;
      for (const drawing of this.drawings) drawing.light(names);
      this.said.textContent = one ? `${one}: ${this.numbers.get(one) || "no curve"}` : "";
    }
  }

  const all = Array.from(document.querySelectorAll(".curves"), (root) => new Curves(root));
  const board = document.getElementById("board");
  if (!board || !all.length) return;
  const nameOf = (event) => {
    const row = event.target.closest("tbody tr");
    return row ? row.dataset.name : null;
  };
  for (const kind of ["pointerover", "focusin"]) board.addEventListener(kind, (event) => all[0].point(nameOf(event)));
  for (const kind of ["pointerleave", "focusout"]) board.addEventListener(kind, () => all[0].point(null));
  board.addEventListener("filtered", (event) => all[0].filter(event.detail));
})();
