"use strict";
// Two models, example by example, as `bench compare` has them. Their data are script files that call
// `potemkin.receive`: they load from a folder that was opened as a file, too, where a page may fetch nothing.
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

  // -- what the files hold --------------------------------------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  function numbers(packed) {
    const all = bytes(packed.values);
    if (packed.width === 1) return all;
    return Uint16Array.from({ length: all.length / 2 }, (_, place) => all[2 * place] + 256 * all[2 * place + 1]);
  }

  function placesOf(mask) {
    const found = [];
    mask.forEach((byte, at) => {
      for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) found.push(8 * at + bit);
    });
    return found;
  }

  const and = (one, two) => one.map((byte, at) => byte & two[at]);
  const less = (one, two) => one.map((byte, at) => byte & ~two[at]);

  // One line: two sets of examples that stay right, among those known of both.
  function line(one, two, known) {
    const first = and(one, known), second = and(two, known), n = placesOf(known).length;
    const lost = placesOf(less(first, second)), gained = placesOf(less(second, first));
    const gap = n ? (gained.length - lost.length) / n : 0;
    return {
      n, lost, gained, gap, first: placesOf(first).length / n, second: placesOf(second).length / n,
      ends: tango(lost.length, gained.length, n), p: mcnemar(lost.length, gained.length),
    };
  }

  // -- two models -----------------------------------------------------------------------------------------------------

  // Why two outcomes cannot be compared; undefined where they can.
  function apartOf(one, two, models) {
    for (const [at, row] of [one, two].entries()) {
      if (!row && (one || two).what === "certified") return `nothing certifies ${models[at].model}`;
      if (!row) return `not asked of ${models[at].model}`;
      if (row.why) return row.why;
    }
    if (one.slices !== two.slices) return `slices differ: ${one.over} and ${two.over}`;
    if (one.crafted !== two.crafted) return `crafted on two versions of ${one.source}`;
    return undefined;
  }

  const ORDER = ["clean", "worst", "certified", "attack"];

  // Every question that both answered, and those that they cannot be compared by.
  function paired(...models) {
    const rows = models.map((model) => new Map(model.rows.map((row) => [row.key, row])));
    const sets = models.map((model) => model.known.map(bytes));
    const keys = [...new Set([...rows[0].keys(), ...rows[1].keys()])];
    const asked = (key) => rows[0].get(key) || rows[1].get(key);
    keys.sort((one, two) => ORDER.indexOf(asked(one).what) - ORDER.indexOf(asked(two).what));
    const lines = [], apart = [];
    for (const key of keys) {
      const both = rows.map((of) => of.get(key)), row = asked(key);
      // Crafted on one of the two: its own attack there, and transfer here.
      if (models.some((model) => model.model === row.source) && both.includes(undefined)) continue;
      let why = apartOf(...both, models);
      if (why === undefined) {
        const known = and(...both.map((each, at) => sets[at][each.known]));
        const right = both.map((each) => bytes(each.robust));
        const made = { asked: row, both, ...line(...right, known), right, known };
        if (made.n) lines.push(made);
        else why = "no example is known of both";
      }
      if (why !== undefined) apart.push({ asked: row, why });
    }
    const corrected = holm(lines.map((each) => each.p));
    lines.forEach((each, at) => { each.p = corrected[at]; });
    return { lines, apart, equal: atEqual(lines) };
  }

  // On the examples that both have right when clean: of the worst case and what is the model's own, where they differ.
  function atEqual(lines) {
    const clean = lines.find((each) => each.asked.what === "clean");
    if (!clean || (clean.ends[0] <= 0 && clean.ends[1] >= 0)) return [];
    const both = and(and(...clean.right), clean.known);
    const own = lines.filter((each) => each.asked.what !== "clean" && !each.asked.source);
    const several = new Set(own.filter((each) => each.asked.joined).map((each) => each.asked.group));
    const shown = own.filter(({ asked }) => !asked.noise && !(asked.one && several.has(asked.group)));
    return shown.map((each) => ({ asked: each.asked, ...line(...each.right, and(each.known, both)) }))
      .filter((each) => each.n);
  }

  return { receive, load, paired, numbers, mcnemar, tango, holm };
})();
globalThis.potemkin = potemkin;
