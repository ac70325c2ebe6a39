// Click a heading to sort its table by that column; click again to reverse the order.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th"), body = heading.closest("table").tBodies[0];
    const descending = heading.getAttribute("aria-sort") === "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = row => row.cells[heading.cellIndex].dataset.v;
    const order = (a, b) => (a === "") - (b === "") || (descending ? -1 : 1) *
      (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
    body.append(...[...body.rows].sort((a, b) => order(key(a), key(b))));
  });
}
