/* Draws every chart as SVG in the page's colour mode (config from lib.charts.theme) and at the
   page's width. Altair's HTML calls vegaEmbed for each chart; this puts itself in between. */
(function () {
  "use strict";

  const embed = window.vegaEmbed;
  const charts = (window.bookCharts = []); // {element, spec, options, mode, result, ready}

  function pageMode() {
    return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
  }

  /* The chart's specification, with its sliders where the reader left them. */
  function currentSpec(chart) {
    const spec = { ...chart.spec, config: window.bookThemes[chart.mode] };
    if (chart.result && spec.params) {
      const view = chart.result.view;
      spec.params = spec.params.map((p) =>
        p.select || p.expr ? p : { ...p, value: view.signal(p.name) }
      );
    }
    return spec;
  }

  function quiet(svg) {
    for (const part of svg.querySelectorAll("[role]")) {
      for (const name of ["role", "aria-roledescription", "aria-label"]) part.removeAttribute(name);
    }
  }

  /* One image with one text: screen readers would otherwise walk through every dot of the chart. */
  function describe(chart) {
    const container = chart.result.view.container();
    for (const name of ["role", "aria-roledescription", "aria-label"]) {
      container.removeAttribute(name);
    }
    const svg = container.querySelector("svg");
    quiet(svg);
    new MutationObserver(() => quiet(svg)).observe(svg, {
      subtree: true, childList: true, attributes: true, attributeFilter: ["role"],
    });
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", chart.spec.description || "");
  }

  /* A button for a chart with the parameter `redraw`, its number of random draws; a click on the
     chart does the same. Its words are told to screen readers, for whom the chart is an image. */
  function offerRedraw(chart) {
    if (!(chart.spec.params || []).some((p) => p.name === "redraw")) return;
    const view = chart.result.view;
    const [svg, form] = ["svg", "form"].map((part) => view.container().querySelector(part));
    const button = document.createElement("button");
    button.type = "button";
    button.className = "redraw btn btn-outline-primary";
    button.textContent = "Draw again";
    const words = document.createElement("p");
    words.className = "visually-hidden";
    words.setAttribute("role", "status");
    const tell = () =>
      view.runAsync().then(() => {
        const texts = [...svg.querySelectorAll(".mark-text.role-mark text")].map((text) => text.textContent);
        words.textContent = texts.join("; ");
      });
    const redraw = () => {
      view.signal("redraw", view.signal("redraw") + 1);
      return tell();
    };
    button.addEventListener("click", redraw);
    svg.addEventListener("click", redraw);
    form.addEventListener("change", tell);
    form.before(button, words);
  }

  async function draw(chart) {
    if (chart.mode === pageMode()) return;
    chart.mode = pageMode();
    const spec = currentSpec(chart);
    chart.element.style.minHeight = chart.element.offsetHeight + "px"; // the page must not jump
    if (chart.result) chart.result.finalize();
    chart.result = await embed(chart.element, spec, {
      ...chart.options,
      actions: false,
      renderer: "svg",
      tooltip: { theme: chart.mode },
    });
    describe(chart);
    offerRedraw(chart);
    chart.element.style.minHeight = "";
  }

  window.vegaEmbed = function (element, spec, options) {
    const chart = { element, spec, options };
    chart.ready = draw(chart);
    charts.push(chart);
    widths.observe(element);
    return chart.ready.then(() => chart.result);
  };

  new MutationObserver(() => {
    if ("printing" in document.documentElement.dataset) return; // see book.js
    for (const chart of charts) chart.ready = chart.ready.then(() => draw(chart));
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });

  /* Vega-Lite follows the window's width; this also follows sidebars, tabs and opened boxes. */
  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = charts.find((c) => c.element === target);
      chart.ready = chart.ready.then(() => {
        const view = chart.result.view;
        const width = view.container().clientWidth;
        if (chart.spec.width === "container" && width > 0 && view.signal("width") !== width) {
          return view.signal("width", width).runAsync();
        }
      });
    }
  });
})();
