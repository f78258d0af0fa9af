"use strict";
// Two models, example by example. Their data are script files that call `potemkin.receive`: they load from a folder
// that was opened as a file, too, where a page may fetch nothing.
const potemkin = (() => {
  const waiting = new Map(), loaded = new Map();

  function receive(key, data) {
    loaded.set(key, data);
    (waiting.get(key) || []).forEach((each) => each.resolve(data));
    waiting.delete(key);
  }

  function load(key) {
    if (loaded.has(key)) return Promise.resolve(loaded.get(key));
    return new Promise((resolve, reject) => {
      const others = waiting.get(key);
      if (others) {
        others.push({ resolve, reject });
        return;
      }
      waiting.set(key, [{ resolve, reject }]);
      const script = document.createElement("script");
      script.src = `../data/${key}.js`;
      const failed = () => {
        (waiting.get(key) || []).forEach((each) => each.reject(new Error(`cannot load ${key}`)));
        waiting.delete(key);
        script.remove();
      };
      script.onerror = failed;
      script.onload = () => { if (waiting.has(key)) failed(); };
      document.head.append(script);
    });
  }

  // -- statistics -----------------------------------------------------------------------------------------------------

  const Z95 = 1.959963984540054;

  // Two-sided p of the exact McNemar test (McNemar 1947): a binomial of one half over the pairs that differ.
  function mcnemar(one, two) {
    const n = one + two, least = Math.min(one, two);
    if (n === 0) return 1;
    let log = -n * Math.LN2; // of the term that counts 0
    const logs = [log];
    for (let k = 1; k <= least; k += 1) {
      log += Math.log(n - k + 1) - Math.log(k);
      logs.push(log);
    }
    const most = logs[least]; // terms grow up to the middle
    let sum = 0;
    for (const each of logs) sum += Math.exp(each - most);
    return Math.min(1, 2 * Math.exp(most + Math.log(sum)));
  }

  // 95% score interval of the paired difference (second - first) / n (Tango 1998, Statistics in Medicine 17:891),
  // as `bench compare` has it.
  function tango(first, second, n) {
    return n === 0 ? [-1, 1] : [-upper(second, first, n), upper(first, second, n)];
  }

  function upper(first, second, n) {
    if (second === n) return 1;
    let inside = (second - first) / n, outside = 1;
    for (let halving = 0; halving < 60; halving += 1) {
      const middle = (inside + outside) / 2;
      if (score(second, first, n, middle) > -Z95) inside = middle;
      else outside = middle;
    }
    return (inside + outside) / 2;
  }

  function score(more, less, n, gap) {
    const b = -more - less + (2 * n - more + less) * gap;
    const c = -less * gap * (1 - gap);
    const share = (Math.sqrt(Math.max(b * b - 8 * n * c, 0)) - b) / (4 * n);
    const variance = n * (2 * share + gap * (1 - gap));
    const off = more - less - n * gap;
    if (variance > 0) return off / Math.sqrt(variance);
    return off ? Infinity * off : 0;
  }

  // Adjusted for their number (Holm 1979).
  function holm(values) {
    const order = values.map((_, place) => place).sort((one, two) => values[one] - values[two]);
    const adjusted = new Array(values.length);
    let least = 0;
    order.forEach((place, rank) => {
      least = Math.max(least, Math.min(1, (values.length - rank) * values[place]));
      adjusted[place] = least;
    });
    return adjusted;
  }

  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  function placesOf(mask) {
    const found = [];
    mask.forEach((byte, at) => {
      for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) found.push(8 * at + bit);
    });
    return found;
  }

  function paired(first, second) {
    const theirs = new Map(second.rows.map((row) => [row.key, row]));
    const sets = [first, second].map((model) => model.known.map(bytes));
    return first.rows.filter((row) => theirs.has(row.key)).map((row) => {
      const other = theirs.get(row.key);
      const known = sets[0][row.known].map((byte, at) => byte & sets[1][other.known][at]);
      const one = bytes(row.robust).map((byte, at) => byte & known[at]);
      const two = bytes(other.robust).map((byte, at) => byte & known[at]);
      const lost = placesOf(one.map((byte, at) => byte & ~two[at]));
      const gained = placesOf(two.map((byte, at) => byte & ~one[at]));
      const n = placesOf(known).length;
      return {
        label: row.label, n, lost, gained,
        first: placesOf(one).length / n, second: placesOf(two).length / n,
        ends: tango(lost.length, gained.length, n), p: mcnemar(lost.length, gained.length),
      };
    }).filter((row) => row.n > 0);
  }

  return { receive, load, paired, mcnemar, tango, holm };
})();
globalThis.potemkin = potemkin;

document.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("compare");
  const a = document.getElementById("a"), b = document.getElementById("b"), said = document.getElementById("said");
  const table = document.getElementById("pairs"), body = table.tBodies[0], foot = document.getElementById("foot");
  const SVG = "http://www.w3.org/2000/svg";
  const percent = (share) => (100 * share).toFixed(1);
  const points = (share) => (share > 0 ? "+" : share < 0 ? "−" : "") + Math.abs(100 * share).toFixed(1);

  const add = (to, kind, text, kindOf) => {
    const made = document.createElement(kind);
    if (text !== undefined) made.textContent = text;
    if (kindOf) made.className = kindOf;
    to.append(made);
    return made;
  };

  function drawn(row, scale) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "-100 0 200 10");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", "difference");
    const at = (share) => (100 * share / scale).toFixed(2);
    const gap = row.second - row.first;
    const part = (name, path) => {
      const made = document.createElementNS(SVG, "path");
      made.setAttribute("class", name);
      made.setAttribute("d", path);
      svg.append(made);
    };
    part("zero", "M0 0V10");
    part(gap < 0 ? "down" : "up", `M0 5H${at(gap)}`);
    part("i", `M${at(row.ends[0])} 5H${at(row.ends[1])}`);
    return svg;
  }

  const MOST = 60;
  function listed(to, row) {
    if (row.lost.length + row.gained.length === 0) return;
    const details = add(to, "details");
    add(details, "summary", "which");
    for (const [name, found] of [["lost", row.lost], ["gained", row.gained]]) {
      if (!found.length) continue;
      const rest = found.length > MOST ? ` and ${found.length - MOST} more` : "";
      add(details, "p", `${name}: ${found.slice(0, MOST).join(", ")}${rest}`);
    }
  }

  function show(first, second) {
    const rows = potemkin.paired(first, second);
    const sure = potemkin.holm(rows.map((row) => row.p));
    const scale = Math.max(0.01, ...rows.flatMap((row) => row.ends.map(Math.abs)));
    document.getElementById("name-a").textContent = first.model;
    document.getElementById("name-b").textContent = second.model;
    const made = document.createDocumentFragment();
    rows.forEach((row, at) => {
      const line = add(made, "tr");
      add(line, "th", row.label).scope = "row";
      add(line, "td", String(row.n), "r");
      add(line, "td", percent(row.first), "r");
      add(line, "td", percent(row.second), "r");
      add(add(line, "td", undefined, "r"), sure[at] < 0.05 ? "b" : "span", points(row.second - row.first));
      add(line, "td").append(drawn(row, scale));
      add(line, "td", `${points(row.ends[0])} to ${points(row.ends[1])}`, "r");
      add(line, "td", String(row.lost.length), "r");
      add(line, "td", String(row.gained.length), "r");
      add(line, "td", sure[at] < 0.001 ? "<0.001" : sure[at].toFixed(3), "r");
      listed(add(line, "td"), row);
    });
    body.replaceChildren(made);
    table.hidden = foot.hidden = rows.length === 0;
    const only = (one, two) => one.rows.filter((row) => !two.rows.some((other) => other.key === row.key)).length;
    const apart = only(first, second) + only(second, first);
    const rest = apart ? ` ${apart} rows of one have no like in the other.` : "";
    said.textContent = rows.length ? `${rows.length} attacks in common.${rest}` : `Nothing to compare.${rest}`;
  }

  let asked = 0;
  async function compare() {
    const mine = asked += 1;
    const keys = [a, b].map((field) => `${place.dataset.suite}/${field.value}`);
    said.textContent = "Loading…";
    history.replaceState(null, "", `#${a.value},${b.value}`);
    try {
      const found = await Promise.all(keys.map(potemkin.load));
      if (mine === asked) show(...found);
    } catch (error) {
      if (mine !== asked) return;
      table.hidden = foot.hidden = true;
      said.textContent = `${error.message}: the folder lacks a file of this page.`;
    }
  }

  // Names in the address choose among those offered; whatever else stands there chooses nothing.
  location.hash.slice(1).split(",").forEach((name, at) => {
    const field = [a, b][at];
    if (field && Array.from(field.options).some((option) => option.value === name)) field.value = name;
  });
  for (const field of [a, b]) field.addEventListener("change", compare);
  document.getElementById("swap").addEventListener("click", () => {
    [a.value, b.value] = [b.value, a.value];
    compare();
  });
  compare();
});
