/* What scrolls in a box that was closed when the page was loaded: the arrow keys reach it too. */
document.addEventListener("toggle", (event) => {
  for (const code of event.target.querySelectorAll("pre")) {
    if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
  }
}, true);

/* Printing: every box is opened and the page is light, as paper is; afterwards all is as before. */
(function () {
  "use strict";

  const root = document.documentElement;
  let before = null;

  window.addEventListener("beforeprint", () => {
    if (before) return;
    const closed = [...document.querySelectorAll("details:not([open])")];
    before = { closed, theme: root.dataset.theme };
    root.dataset.printing = ""; // charts keep their drawing: print.css gives them light colours
    root.dataset.theme = "light";
    for (const box of closed) box.open = true;
    for (const chart of window.bookCharts || []) {
      const view = chart.result && chart.result.view;
      const width = view ? view.container().clientWidth : 0;
      if (chart.spec.width === "container" && width > 0) view.signal("width", width).run();
    }
  });

  window.addEventListener("afterprint", () => {
    if (!before) return;
    for (const box of before.closed) box.open = false;
    root.dataset.theme = before.theme;
    delete root.dataset.printing;
    before = null;
  });
})();
