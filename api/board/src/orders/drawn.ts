/** A reference of one's own, so that what is sent twice is one: as many random bytes, in hexadecimal. */
export function drawn(length = 16): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/** A reference of a work order, of which its name is made: people read it. 64 random bits. */
export const orderReference = (): string => drawn(8);
