"use strict";

// Tables: a click on a column's head sorts by it, a second click reverses the order; empty cells stay last.
for (const table of document.querySelectorAll(".sortable")) {
  const body = table.tBodies[0];
  const value = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const compare = (one, two) => (isNaN(one) || isNaN(two) ? one.localeCompare(two) : one - two);
  for (const button of table.querySelectorAll("thead button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const column = head.cellIndex;
      const sign = head.ariaSort === "ascending" ? -1 : 1;
      for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      const rows = [...body.rows].sort((a, b) => {
        const [one, two] = [value(a, column), value(b, column)];
        return (one === "") - (two === "") || sign * compare(one, two);
      });
      body.append(...rows);
    });
  }
}

// All arms: show the rows that contain all words of the filter.
const filter = document.getElementById("filter");
const rows = [...document.querySelectorAll("#arms-table tbody tr")];
function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    const cells = [...row.cells].map((cell) => cell.textContent.trim().toLowerCase());
    row.hidden = !words.every((word) => cells.some((cell) => cell === word) || cells.slice(0, 3).some((cell) => isNaN(word) && cell.includes(word)));
  }
  const left = rows.filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = `${left} of ${rows.length} arms`;
}
filter.addEventListener("input", show);
show();

// Curves: the legend shows, hides and highlights lines; the pointer reads all values at a portion.
const tip = document.getElementById("tip");
for (const figure of document.querySelectorAll(".figure")) {
  const drawn = [...figure.querySelectorAll("[data-series]:not(button)")];
  for (const button of figure.querySelectorAll(".legend button")) {
    const name = button.dataset.series;
    const pick = (on) => drawn.forEach((one) => one.classList.toggle("dim", on && one.dataset.series !== name));
    button.addEventListener("pointerenter", () => pick(button.ariaPressed === "true"));
    button.addEventListener("pointerleave", () => pick(false));
    button.addEventListener("click", () => {
      button.ariaPressed = String(button.ariaPressed !== "true");
      drawn.filter((one) => one.dataset.series === name).forEach((one) => one.classList.toggle("off", button.ariaPressed !== "true"));
      pick(false);
    });
  }
}
for (const chart of document.querySelectorAll(".chart")) {
  const crosshair = chart.querySelector(".crosshair");
  const points = [...chart.querySelectorAll(".point")].map((element) => {
    // Titles would open the browser's own tooltips next to ours.
    element.setAttribute("aria-label", element.querySelector("title").textContent);
    element.querySelector("title").remove();
    return { element, x: element.transform.baseVal[0].matrix.e, y: element.transform.baseVal[0].matrix.f };
  });
  const title = chart.querySelector("title");
  chart.setAttribute("aria-label", title.textContent);
  chart.removeAttribute("aria-labelledby");
  title.remove();
  chart.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    const seen = points.filter((point) => !point.element.closest(".off"));
    if (!seen.length) return leave();
    const x = seen.reduce((best, point) => (Math.abs(point.x - at.x) < Math.abs(best - at.x) ? point.x : best), Infinity);
    const column = seen.filter((point) => point.x === x).sort((one, two) => one.y - two.y);
    crosshair.style.visibility = "visible";
    crosshair.setAttribute("transform", `translate(${x})`);
    const table = document.createElement("table");
    for (const { element } of column) {
      const row = table.insertRow();
      const series = element.parentNode;
      const dot = document.createElement("i");
      dot.className = series.classList[1];
      row.insertCell().append(dot, series.dataset.series);
      row.insertCell().textContent = element.dataset.value;
      row.classList.toggle("harm", "harm" in element.dataset);
    }
    const head = document.createElement("b");
    head.textContent = `at ${column[0].element.dataset.column}`;
    tip.replaceChildren(head, table);
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - box.height - 4))}px`;
  });
  const leave = () => {
    tip.hidden = true;
    crosshair.style.visibility = "hidden";
  };
  chart.addEventListener("pointerleave", leave);
}
