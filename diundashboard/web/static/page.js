// Comfort on top of pages that work without it. This is where the scripts begin.

import "./act.js";
import "./drag.js";
import "./listen.js";
import "./refresh.js";
import { $ } from "./dom.js";
import { enliven } from "./enliven.js";
import { restorePlace } from "./keys.js";
import { openTarget } from "./menus.js";
import { told } from "./say.js";

// The states are one line that moves sideways on a phone. The page itself stays where it is.
function showTab() {
  const tab = $(".choice [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft + tab.offsetWidth - tab.parentElement.clientWidth;
}

enliven();
told();
restorePlace();
openTarget();
showTab();
$("[data-keys]").hidden = false;
