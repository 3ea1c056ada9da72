// The one script of the tracking page: offers to copy a tracking number. Without it the number can be selected.
"use strict";
for (const button of document.querySelectorAll("button[data-copies]")) {
  const number = document.getElementById(button.dataset.copies);
  if (!number || !navigator.clipboard) continue;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(number.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(number);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 3000);
  });
}
