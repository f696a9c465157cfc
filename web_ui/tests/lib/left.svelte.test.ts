import { flushSync } from "svelte";
import { expect, it, vi } from "vitest";

import { secondsLeft } from "../../src/lib/left.svelte";

it("counts down to a time, and says 0 when it is over or there is none", () => {
  vi.useFakeTimers({ now: 1_000_000 });
  const counted = (until: number | null): [() => number, () => void] => {
    let left = (): number => -1;
    const end = $effect.root(() => {
      left = secondsLeft(() => until);
    });
    flushSync();
    return [() => left(), end];
  };
  const [left, end] = counted(1_002_500);
  expect(left()).toBe(3);
  vi.advanceTimersByTime(1_500);
  expect(left()).toBe(1);
  vi.advanceTimersByTime(5_000);
  expect(left()).toBe(0);
  end();
  const [none, done] = counted(null);
  expect(none()).toBe(0);
  done();
});
