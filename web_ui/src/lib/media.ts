// Addresses of what the shell holds for the page.

/** Where a received picture is. */
export function mediaUrl(talk: string, transfer: string): string {
  return `floater://media/${encodeURIComponent(talk)}/${encodeURIComponent(transfer)}`;
}
