/* What the forms share: numbers as Python writes them, fields, and a form's start. */
function () {
  "use strict";

  const LARGEST = 2 ** 53;
  const NUMBER = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

  /* A number with so many digits, as Python's format(x, ".6g") writes it. */
  function general(x, digits) {
    if (x === 0) return "0";
    const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
    const power = Number(exponent);
    const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (power >= -4 && power < digits) return trimmed(x.toFixed(digits - 1 - power));
    const size = String(Math.abs(power)).padStart(2, "0");
    return `${trimmed(mantissa)}e${power < 0 ? "-" : "+"}${size}`;
  }

  const fill = (template, values) =>
    template.replace(/\{(\w+)\}/g, (whole, name) => values[name]).trimEnd();

  /* The number that a text is, or NaN; no sign but plus, and no separators. */
  const number = (text) => (NUMBER.test(text.trim()) ? Number(text) : NaN);

  /* The fields of one form. */
  function fields(root) {
    const input = (name) => root.querySelector(`[name="${name}"]`);
    const field = (name) => root.querySelector(`[data-field="${name}"]`);
    const text = (name) => input(name).value.trim();

    /* Say beside a field what is wrong with it, or nothing; return whether it is right. */
    function complain(name, message) {
      const place = field(name).querySelector(".ww-error");
      if (place.textContent !== message) place.textContent = message;
      input(name).toggleAttribute("data-wrong", message !== "");
      if (message) input(name).setAttribute("aria-invalid", "true");
      else input(name).removeAttribute("aria-invalid");
      return message === "";
    }

    /* Return a finite number of at least `least` (or above it), or null and complain. */
    function real(name, symbol, { least = 0, above = false, such = "0.5 or 2" } = {}) {
      const value = number(text(name));
      const right = Number.isFinite(value) && (above ? value > least : value >= least);
      const range = `${above ? "greater than" : "of at least"} ${least}`;
      const wrong = `${symbol} must be a number ${range}, such as ${such}`;
      return complain(name, right ? "" : wrong) ? value : null;
    }

    /* Return a whole number of at least `least`, or null and complain. */
    function whole(name, symbol, { least = 1, missing = `${symbol} is missing`, why = "" } = {}) {
      const value = number(text(name));
      const wrong =
        text(name) === ""
          ? missing
        : !Number.isInteger(value) || value < Math.min(1, least)
          ? `${symbol} must be a whole number of at least ${Math.min(1, least)}, without separators`
          : value < least
            ? why
            : value > LARGEST
              ? `${symbol} must be at most 2^53, about 9e15`
              : "";
      return complain(name, wrong) ? value : null;
    }

    return {
      input,
      field,
      text,
      complain,
      real,
      whole,
      chosen: (name) => root.querySelector(`[name="${name}"]:checked`).value,
      choose: (name, value) => {
        root.querySelector(`[name="${name}"][value="${value}"]`).checked = true;
      },
    };
  }

  /* Start every form of a kind that does not live yet. */
  function begin(kind, start) {
    for (const root of document.querySelectorAll(`[data-form="${kind}"]:not([data-live])`)) {
      root.setAttribute("data-live", "");
      root.querySelector(".ww-off").hidden = true;
      start(root);
    }
  }

  // an address can keep what a form holds: only in the book, not in a notebook
  const inBook = document.documentElement.hasAttribute("data-content_root");

  /* Put values into the page's address; null takes one out. */
  function toAddress(values) {
    if (!inBook) return;
    const asked = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value === null) asked.delete(name);
      else asked.set(name, value);
    }
    try {
      history.replaceState(null, "", `?${asked}${location.hash}`);
    } catch {
      // some browsers allow no change of an address that starts with file:
    }
  }

  const fromAddress = () => new URLSearchParams(inBook ? location.search : "");

  return { LARGEST, general, fill, number, fields, begin, toAddress, fromAddress };
}
