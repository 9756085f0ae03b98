// One key decides the item of the queue that has the focus; never while somebody types.
(function () {
  "use strict";
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.altKey || e.metaKey || e.repeat || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
    var item = e.target.closest("[data-queue]");
    var button = item && /^[a-z]$/.test(e.key) && item.querySelector('[data-key="' + e.key + '"]');
    if (!button) return;
    e.preventDefault();
    button.click();
  });
})();
