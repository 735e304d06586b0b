// What each new version of the page needs: the viewer's times, buttons that only scripts can answer, the selection.

import { showCopies } from "./copy.js";
import { reopen } from "./older.js";
import { refilter } from "./pickers.js";
import { selected } from "./select.js";
import { tellTimes } from "./times.js";

export function enliven() {
  tellTimes();
  showCopies();
  selected();
  reopen();
  refilter();
}
