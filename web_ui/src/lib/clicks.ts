// A double click counts once: what stands under its second half may not be what was clicked.

/** Keep the second half of a double click from every button but those that are `data-repeats`. */
export function dropSecondHalf(event: MouseEvent): void {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (event.detail < 2 || button === null || "repeats" in button.dataset) return;
  event.preventDefault(); // a form is not sent again
  event.stopPropagation();
}
