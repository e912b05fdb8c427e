"use strict";
// Sorts tables by a click on a heading. Everything is there without it.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const order = [...body.rows].map((row, place) => ({ row, place, cell: row.cells[column] }));
      order.sort((one, other) => sign * compared(one.cell, other.cell) || one.place - other.place);
      body.append(...order.map((entry) => entry.row));
    });
  });
}
function compared(one, other) {
  const [a, b] = [one, other].map((cell) => cell.dataset.n);
  if (a !== undefined && b !== undefined) return Number(a) - Number(b);
  if (a !== undefined || b !== undefined) return a === undefined ? 1 : -1;
  return one.textContent.localeCompare(other.textContent, "en", { numeric: true });
}
// What is folded is printed, too.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
