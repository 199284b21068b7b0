/* The form that plans what to buy. `formulas` is traced from lib/planner.py; the search for the
   best whole numbers is that of lib.planner._search once more. */
function (formulas, texts, form) {
  "use strict";

  const { general, fill } = form;
  const { most: MOST, slack: SLACK, rounding: ROUNDING } = texts;

  /* By how much of a row costs may be wrong, where the budget buys so many. */
  const slackOf = (most) => Math.max(SLACK, ROUNDING * most);
  const whole = (x) => Math.floor(x + slackOf(x));

  /* The last number towards `outer` at which a concave function is at least `least`. */
  function edge(value, least, inside, outer) {
    if (value(outer) >= least) return outer;
    const sign = outer > inside ? 1 : -1;
    let near = 0; // steps from inside: these are enough
    let far = Math.abs(outer - inside); // and these are too many
    while (far - near > 1) {
      const middle = Math.floor((near + far) / 2);
      if (value(inside + sign * middle) >= least) near = middle;
      else far = middle;
    }
    return inside + sign * near;
  }

  function search({ budget, real, synthetic, cap }, alone, best) {
    const slack = synthetic === 0 ? Infinity : slackOf(budget / synthetic);
    const affordable = (n, spare) => {
      const left = Math.max(budget - n * real, 0);
      const paid = synthetic === 0 ? Infinity : left / synthetic + spare;
      return cap === null ? paid : Math.min(paid, cap);
    };
    const rounded = (n) => Math.floor(affordable(n, slack));
    const relaxed = (n) => formulas.rows(n, affordable(n, 2 * slack)).rows;
    const value = (n) => formulas.rows(n, rounded(n)).rows;
    const bestOf = (low, high) => {
      let [found, most] = [low, value(low)];
      for (let n = low + 1; n <= high; n++) {
        const rows = value(n);
        if (rows > most) [found, most] = [n, rows];
      }
      return [found, most];
    };
    const peak = cap === null ? best : Math.max(best, (budget - cap * synthetic) / real);
    const first = Math.min(Math.max(Math.round(peak), 1), alone);
    const [inside, least] = bestOf(Math.max(1, first - 2), Math.min(alone, first + 2));
    const [low, high] = [1, alone].map((outer) => edge(relaxed, least, inside, outer));
    const n = bestOf(low, high)[0];
    return [n, rounded(n)];
  }

  /* Whether more synthetic rows than there are would make more effective rows. */
  function moreWouldPay(asked, alone, ideal, rows) {
    if (asked.synthetic === 0 || ideal.synthetic > MOST) return true;
    const [n, m] = search({ ...asked, cap: null }, alone, ideal.best);
    return m > asked.cap && formulas.rows(n, m).rows > rows;
  }

  function start(root) {
    const { input, text, complain, real: number, whole: count } = form.fields(root);

    /* Read the form, or return null. */
    function read() {
      const budget = number("budget", "the budget", { above: true, such: "1000" });
      const real = number("real_cost", "the cost", { above: true, such: "1 or 0.5" });
      const synthetic = number("synthetic_cost", "the cost", { such: "0.1 or 0" });
      const limited = text("most_synthetic") !== "";
      complain("most_synthetic", "");
      const cap = limited ? count("most_synthetic", "this", { least: 0 }) : null;
      if (budget === null || real === null || synthetic === null) return null;
      if (limited && cap === null) return null;
      const asked = { budget, real, synthetic, cap };
      const right =
        budget / real > MOST
          ? complain("budget", `at most ${MOST.toExponential()} times the cost of a real row`)
          : whole(budget / real) < 1
            ? complain("budget", "this does not pay for one real row")
            : synthetic === 0 && cap === null
              ? complain("most_synthetic", "needed if synthetic rows cost nothing: more are always better")
              : synthetic > 0 && budget / synthetic > MOST && (cap === null || cap > MOST)
                ? complain("synthetic_cost", "too small for this budget, without a limit to the rows")
                : true;
      return right ? asked : null;
    }

    function compute(asked) {
      const { budget, real, synthetic, cap } = asked;
      const alone = whole(budget / real);
      const c = synthetic / real;
      let [n, m] = [alone, 0];
      let why = "never";
      const ideal = formulas.ideal(budget, real, c);
      if (c < 1) {
        [n, m] = search(asked, alone, ideal.best);
        const limited = cap !== null && moreWouldPay(asked, alone, ideal, formulas.rows(n, m).rows);
        why = limited ? "capped" : m === 0 ? "small" : "rule";
      }
      return { ...formulas.bought(n, m, real, synthetic, alone), n, m, alone, why };
    }

    function show(all) {
      root.toggleAttribute("data-invalid", all === null);
      for (const cell of root.querySelectorAll("[data-quantity]")) {
        const name = cell.dataset.quantity;
        const value = all === null ? undefined : all[name];
        const hidden = all !== null && all.m === 0 && ["k", "w"].includes(name);
        cell.parentNode.hidden = hidden;
        const rows = ["n", "m", "alone"].includes(name);
        cell.textContent = all === null || hidden ? "–" : rows ? String(value) : general(value, 6);
        if (all === null || hidden) delete cell.dataset.value;
        else cell.dataset.value = String(value);
      }
      for (const group of root.querySelectorAll(".ww-table tbody")) {
        group.hidden = ![...group.querySelectorAll("td")].some((cell) => !cell.parentNode.hidden);
      }
      const status = root.querySelector(".ww-summary");
      let said = "No answer yet: a field above needs another value.";
      if (all) {
        const words = { n: all.n, m: all.m, alone: all.alone };
        for (const name of ["w", "rows"]) words[name] = general(all[name], 6);
        said = `${fill(texts.summary[all.m ? "both" : "real"], words)} ${texts.why[all.why]}`;
      }
      if (status.textContent !== said) status.textContent = said;
    }

    const names = ["budget", "real_cost", "synthetic_cost", "most_synthetic"];

    function update(changed) {
      const asked = read();
      show(asked && compute(asked));
      if (!changed || !asked) return;
      const { budget, real, synthetic, cap } = asked;
      form.toAddress({ budget, real_cost: real, synthetic_cost: synthetic, most_synthetic: cap });
    }

    const kept = form.fromAddress();
    if (kept.has("budget")) {
      for (const name of names) if (kept.has(name)) input(name).value = kept.get(name);
    }
    update(false);
    root.addEventListener("input", () => update(true));
  }

  form.begin("planner", start);
}
