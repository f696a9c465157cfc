import { expect, it, vi } from "vitest";

import Preview from "../../src/views/Preview.svelte";
import { show } from "../helpers/page";

/** What a canvas is given to draw. */
function canvas(): { data: Uint8ClampedArray | null } {
  const drawn: { data: Uint8ClampedArray | null } = { data: null };
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue({
    createImageData: (width: number, height: number) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    putImageData: ({ data }: { data: Uint8ClampedArray }) => (drawn.data = data),
  } as never);
  return drawn;
}

it("draws the pixels as they are", async () => {
  const drawn = canvas();
  const page = await show(Preview, {
    props: { preview: { width: 2, height: 1, pixels: btoa("\u0001\u0002\u0003\u0004\u0005\u0006") } },
  });
  expect([...drawn.data!]).toEqual([1, 2, 3, 255, 4, 5, 6, 255]);
  expect(page.find("canvas").getAttribute("width")).toBe("2");
});

it("draws nothing when there are too few or too many", async () => {
  const drawn = canvas();
  await show(Preview, { props: { preview: { width: 2, height: 1, pixels: btoa("abc") } } });
  expect(drawn.data).toBeNull();
});
