// Counts down to a time while somebody looks.

/** The whole seconds left until a time in milliseconds since 1970; 0 for none. To be called where a component begins. */
export function secondsLeft(until: () => number | null): () => number {
  let seconds = $state(0);
  $effect(() => {
    const end = until();
    const count = (): void =>
      void (seconds = end === null ? 0 : Math.max(0, Math.ceil((end - Date.now()) / 1000)));
    count();
    if (end === null) return;
    const timer = setInterval(count, 500);
    return () => clearInterval(timer);
  });
  return () => seconds;
}
