/** What the page's address asks for: `#panel=alerts`, `#device=bin-0042`, or both joined by `&`. */
export interface Asked<Name extends string> {
  panel: Name | null;
  device: string | null;
}

/** Reads the part after `#`; what is not a panel's name or could not be a device's id is passed over. */
export function asked<Name extends string>(hash: string, panels: readonly Name[]): Asked<Name> {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const device = words.get("device");
  return {
    panel: panels.find((name) => name === words.get("panel")) ?? null,
    device: device !== null && device.length >= 1 && device.length <= 64 ? device : null,
  };
}
