/* The form of the page "Which weight?". `formulas` is traced from lib/advice.py, `texts` holds its
   templates; this file only reads the form, shows numbers, and keeps the address and the chart. */
function (formulas, texts, form) {
  "use strict";

  const { general, fill } = form;

  function start(root) {
    const { input, field, complain, real, whole, chosen, choose } = form.fields(root);

    const positive = (name, symbol) => real(name, symbol, { above: true });
    const rows = (name, least) =>
      whole(name, name, {
        least,
        missing: `how many ${name === "n" ? "real" : "synthetic"} rows?`,
        why: `${name} must be at least 2: one row has no variance`,
      });

    /* Read the form: all that lib.advice.advice would be given, or null. */
    function read() {
      const counts = chosen("given") === "counts";
      for (const name of ["n", "m", "k"]) {
        field(name).hidden = counts === (name === "k");
      }
      const of = input("of").value;
      const settled = counts || of === "mean";
      complain("of", settled ? "" : "with only k this must be a mean: the others need m");
      const rho = positive("rho", "ρ");
      field("drift").hidden = of !== "mean";
      const drift = of === "mean" ? real("drift", "q", { such: "0 or 0.1" }) : 0;
      const more = rho === null || drift === null ? null : { rho, drift, of };
      if (!counts) {
        const k = positive("k", "k");
        return k === null || more === null || !settled ? null : { n: null, m: null, k, ...more };
      }
      const least = of === "variance" ? 2 : 1;
      const n = rows("n", least);
      const m = rows("m", least);
      return n === null || m === null || more === null ? null : { n, m, k: n / m, ...more };
    }

    /* Return all quantities by name, or null if they leave the range of numbers. */
    function compute({ n, m, k, rho, drift, of }) {
      const set = n === null ? formulas.settings[of](k, 1) : formulas.settings[of](n, m);
      const noise = set.ratio / rho;
      const inRange = noise > 0 && noise < Infinity;
      complain("rho", inRange ? "" : "k/ρ is too large or too small to compute with");
      const finite = inRange && noise + drift < Infinity;
      if (inRange) complain("drift", finite ? "" : "k/ρ + q is too large to compute with");
      if (!finite) return null;
      const all = formulas.shared(k, set.ratio, set.contraction, set.lost, rho, drift);
      if (n !== null) Object.assign(all, formulas.counted(n, m, all.w, all.rest, set.centre));
      return { ...all, lost: set.lost };
    }

    function words(asked, all) {
      const values = { ...all, rho: asked.rho };
      const short = {};
      const brief = {}; // for a sentence
      for (const [name, value] of Object.entries(values)) {
        short[name] = general(value, 6);
        brief[name] = general(value, 4);
      }
      const long = {};
      for (const name of [...texts.filled, "rest"]) long[name] = general(values[name], 12);
      long.setting = asked.n === null ? `k = ${general(asked.k, 12)}` : `n = ${asked.n}, m = ${asked.m}`;
      long.worth =
        asked.n === null
          ? `${general(all.gain_over_real, 4)} times your real rows`
          : `${general(all.effective_rows, 6)} real rows`;
      return { short, brief, long };
    }

    function show(asked, all) {
      root.toggleAttribute("data-invalid", all === null);
      const { short, brief, long } = all === null ? {} : words(asked, all);
      for (const cell of root.querySelectorAll("[data-quantity]")) {
        const name = cell.dataset.quantity;
        const value = all === null ? undefined : all[name];
        const rowsOnly = asked !== null && asked.of === "variance";
        const weight = ["synthetic_sample_weight", "mean_one_real", "mean_one_synthetic"];
        cell.parentNode.hidden =
          all !== null && (value === undefined || (rowsOnly && weight.includes(name)));
        cell.textContent = value === undefined ? "–" : short[name];
        if (value === undefined) delete cell.dataset.value;
        else cell.dataset.value = String(value);
      }
      for (const group of root.querySelectorAll(".ww-table tbody")) {
        group.hidden = ![...group.querySelectorAll("td")].some((cell) => !cell.parentNode.hidden);
      }
      const status = root.querySelector(".ww-summary");
      const said = all === null
        ? "No answer yet: a field above needs another value."
        : fill(texts.summary[asked.of], brief);
      if (status.textContent !== said) status.textContent = said;
      lines(asked, long);
    }

    function lines(asked, long) {
      const offered = asked === null || !long ? {} : texts.templates[asked.of];
      for (const radio of root.querySelectorAll('[name="library"]')) {
        radio.parentNode.hidden = long !== undefined && !(radio.value in offered);
      }
      if (long && !(chosen("library") in offered)) choose("library", "numpy");
      for (const block of root.querySelectorAll("[data-library]")) {
        const name = block.dataset.library;
        block.hidden = name !== chosen("library") || !long;
        const code = block.querySelector("pre");
        code.tabIndex = 0; // it may scroll; the theme takes this from what is hidden at first
        code.textContent = name in offered ? `${fill(offered[name], long)}\n` : "";
      }
    }

    /* --- the address --------------------------------------------------------------------- */

    function fromAddress() {
      const asked = form.fromAddress();
      for (const name of ["n", "m", "k", "rho", "drift"]) {
        if (asked.has(name)) input(name).value = asked.get(name);
      }
      const of = asked.get("of");
      if ([...input("of").options].some((option) => option.value === of)) input("of").value = of;
      if (asked.has("n") || asked.has("m")) {
        choose("given", "counts");
        // one of them says nothing of the other
        for (const name of ["n", "m"]) if (!asked.has(name)) input(name).value = "";
      }
      else if (asked.has("k")) choose("given", "ratio");
    }

    function toAddress({ n, m, k, rho, drift, of }) {
      form.toAddress({
        n,
        m,
        k: n === null ? k : null,
        rho: rho === 1 ? null : rho,
        drift: drift || null,
        of: of === "mean" ? null : of,
      });
    }

    /* --- the chart below, if the page has one --------------------------------------------- */

    function draw(all) {
      const own = (chart) => (chart.spec.params || []).some((p) => p.name === "noise_ratio");
      const chart = (window.bookCharts || []).find(own);
      if (!chart) return;
      chart.element.classList.toggle("ww-stale", !all); // its numbers are those of before
      if (!all) return;
      const values = {
        noise_ratio: all.noise_ratio,
        lost: all.lost,
        best: all.w,
        naive: all.naive_weight,
      };
      chart.ready = chart.ready.then(() => {
        const view = chart.result.view;
        for (const [name, value] of Object.entries(values)) view.signal(name, value);
        return view.runAsync();
      });
    }

    function update(changed) {
      const asked = read();
      const all = asked && compute(asked);
      show(asked, all);
      if (changed && all) toAddress(asked);
      draw(all);
    }

    fromAddress();
    update(false);
    root.addEventListener("input", () => update(true));
    window.addEventListener("load", () => update(false)); // now the chart is there
  }

  form.begin("weight", start);
}
