/* Reports what visitors do after a link in a message: ariia.convert({id: "order-1", value: 4990, currency: "EUR"}).
   Value in the currency's smallest unit. Keeps the visit for this tab only, sets no cookie, and does nothing for
   visitors who came another way. */
(function () {
  "use strict";
  var script = document.currentScript;
  var base = script ? new URL(script.src).origin : "";
  var key = "ariia_v";
  var visit = "";
  try {
    var address = new URL(location.href);
    visit = address.searchParams.get(key) || sessionStorage.getItem(key) || "";
    if (address.searchParams.has(key)) {
      sessionStorage.setItem(key, visit);
      address.searchParams.delete(key);
      history.replaceState(history.state, "", address.pathname + address.search + address.hash);
    }
  } catch (error) {
    /* no storage in this browser: the visit lasts for this page */
  }
  window.ariia = {
    convert: function (deed) {
      if (!/^[\w-]{40,120}$/.test(visit) || !deed || !deed.id) {
        return false;
      }
      var said = new URLSearchParams({ id: String(deed.id) });
      ["goal", "value", "currency"].forEach(function (name) {
        if (deed[name] !== undefined) {
          said.set(name, String(deed[name]));
        }
      });
      new Image().src = base + "/t/v/" + visit + ".gif?" + said;
      return true;
    }
  };
})();
