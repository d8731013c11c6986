document.querySelectorAll("table.sortable th").forEach(function (head) {
  head.addEventListener("click", function () {
    var row = head.parentNode, at = Array.prototype.indexOf.call(row.children, head);
    var up = head.getAttribute("aria-sort") !== "ascending";
    Array.prototype.forEach.call(row.children, function (h) { h.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    var body = head.closest("table").tBodies[0];
    var key = function (tr) { var c = tr.children[at]; return c.dataset.v !== undefined ? parseFloat(c.dataset.v) : c.textContent; };
    Array.prototype.slice.call(body.rows).sort(function (a, b) {
      var x = key(a), y = key(b);
      var order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), undefined, { numeric: true });
      return up ? order : -order;
    }).forEach(function (tr) { body.appendChild(tr); });
  });
});
if ("IntersectionObserver" in window) {
  var links = {};
  document.querySelectorAll("nav a").forEach(function (a) { links[a.getAttribute("href").slice(1)] = a; });
  var spy = new IntersectionObserver(function (seen) {
    seen.forEach(function (e) {
      if (!e.isIntersecting) return;
      Object.keys(links).forEach(function (id) { links[id].classList.toggle("here", id === e.target.id); });
    });
  }, { rootMargin: "0px 0px -70% 0px" });
  document.querySelectorAll("h2[id]").forEach(function (h) { spy.observe(h); });
}
