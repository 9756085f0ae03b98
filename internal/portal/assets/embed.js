// Shows an opt-in form within a page: <script src="https://HOST/o/embed.js" data-form="ID" data-title="TITLE" async></script>
(function () {
  "use strict";
  var script = document.currentScript;
  var home = new URL(script.src).origin;
  var frame = document.createElement("iframe");
  var query = new URLSearchParams({ from: location.origin + location.pathname });
  if (script.dataset.lang) query.set("lang", script.dataset.lang);
  frame.src = home + "/o/" + encodeURIComponent(script.dataset.form) + "?" + query;
  frame.title = script.dataset.title || document.title;
  frame.style.width = "100%";
  frame.style.border = "0";
  frame.style.height = "34rem";
  script.parentNode.insertBefore(frame, script);
  window.addEventListener("message", function (e) {
    if (e.origin !== home || e.source !== frame.contentWindow || !e.data) return;
    var height = e.data.consentlineHeight;
    if (typeof height === "number" && height > 0 && height < 10000) frame.style.height = height + "px";
  });
})();
