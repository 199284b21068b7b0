/* The form for numbers of rows that change. `formulas` is traced from lib/schedule.py; this file
   reads the lists and shows the table. */
function (formulas, texts, form) {
  "use strict";

  const { general, fill } = form;

  function start(root) {
    const { text, complain } = form.fields(root);

    /* Return the numbers of a field, separated by spaces, commas or semicolons, or null. */
    function list(name, first) {
      const parts = text(name).split(/[\s,;]+/).filter((part) => part !== "");
      if (parts.length > texts.most + 1) {
        complain(name, `at most ${texts.most} generations, please`);
        return null;
      }
      const values = parts.map(form.number);
      // the first number of real rows may be what a model is worth that is there already
      const right = (value, i) => Number.isInteger(value) || (name === "n" && i === 0 && value > 0);
      const wrong = values.findIndex(
        (value, i) => !right(value, i) || value > form.LARGEST,
      );
      if (wrong >= 0) {
        const shown = parts[wrong].slice(0, 20);
        complain(name, `“${shown}” at t = ${wrong + first} must be a whole number of at least 0`);
        return null;
      }
      complain(name, "");
      return values;
    }

    /* Read the form: two lists of matching lengths, or null. */
    function read() {
      const n = list("n", 0);
      let m = list("m", 1);
      if (n !== null && n.length < 2) {
        complain("n", "the real rows of t = 0 and t = 1, at least");
        return null;
      }
      if (n !== null && n[0] === 0) {
        complain("n", "the first fit, t = 0, needs real rows");
        return null;
      }
      if (n === null || m === null) return null;
      const steps = n.length - 1;
      if (m.length === 1) m = Array(steps).fill(m[0]);
      if (m.length !== steps) {
        complain("m", `one number, or ${steps}: t = 1 to ${steps}, as there are ${n.length} of real rows`);
        return null;
      }
      const empty = m.findIndex((rows, i) => rows === 0 && n[i + 1] === 0);
      if (empty >= 0) {
        complain("m", `at t = ${empty + 1} there are no rows at all`);
        return null;
      }
      return { n, m };
    }

    function compute({ n, m }) {
      const rows = [{ t: 0, n: n[0], m: null, w: null, each: null, rows: n[0], naive: n[0] }];
      m.forEach((drawn, i) => {
        const last = rows[i];
        const found = formulas.step(last.rows, last.naive, n[i + 1], drawn);
        rows.push({ t: i + 1, n: n[i + 1], m: drawn, ...found });
      });
      return rows;
    }

    function show(rows) {
      const status = root.querySelector(".ww-summary");
      const last = rows && rows[rows.length - 1];
      const said = rows
        ? fill(texts.summary, {
            last: last.t,
            rows: general(last.rows, 6),
            naive: general(last.naive, 6),
            alone: general(last.n, 6),
          })
        : "No answer yet: a field above needs another value.";
      if (status.textContent !== said) status.textContent = said;
      const body = root.querySelector("tbody");
      body.replaceChildren(...(rows || []).map(line));
    }

    function line({ t, n, m, w, each, rows }) {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = String(t);
      row.append(head);
      const both = n > 0 && m > 0;
      const cells = {
        n: [n, String(n)],
        m: [m, m === null ? "–" : String(m)],
        w: [w, w === null ? "–" : w.toFixed(4)],
        each: [both ? each : null, both ? each.toFixed(4) : "–"],
        rows: [rows, general(rows, 6)],
      };
      for (const [name, [value, shown]] of Object.entries(cells)) {
        const cell = document.createElement("td");
        cell.dataset.quantity = name;
        if (value !== null) cell.dataset.value = String(value);
        cell.textContent = shown;
        row.append(cell);
      }
      return row;
    }

    function update() {
      const asked = read();
      root.toggleAttribute("data-invalid", asked === null);
      show(asked && compute(asked));
    }

    update();
    root.addEventListener("input", update);
  }

  form.begin("schedule", start);
}
