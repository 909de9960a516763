/** A reference of one's own, so that what is sent twice is one: 128 random bits. */
export function drawn(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}
