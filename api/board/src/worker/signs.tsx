/** The signs of the worker's page: large, plain lines. */
import type { JSX } from "preact";

const PATHS = {
  shift: "M8.500 7.500a3.500 3.500 0 1 0 7 0 3.500 3.500 0 1 0-7 0M5 20c.6-4 3.300-6 7-6s6.400 2 7 6",
  orders: "M6 4.500h12v16H6zM9 3h6v3H9zM9 11h6M9 15h4",
  report: "M4 8h3.500L9 5.500h6L16.500 8H20v11H4zM12 16.500a3.300 3.300 0 1 0-.1 0",
  points: "M4 20V11h4v9M10 20V5h4v15M16 20v-6h4v6",
  pin: "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 12a2 2 0 1 0-.1 0",
  cloud: "M7 18.500a4 4 0 0 1-.5-8 5.500 5.500 0 0 1 10.700 1.200A3.500 3.500 0 0 1 17 18.500zM4 4l16 16",
  up: "M12 19V6M6.500 11.500 12 6l5.500 5.500",
  check: "M5 12.500l4.500 4.500L19 7.500",
  begin: "M8 5l11 7-11 7z",
  end: "M6.500 6.500h11v11h-11z",
  settings: "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4M4 12h4M12 12h8M10 10v4",
  clock: "M12 4a8 8 0 1 0 .1 0M12 8v4.500l3 2",
  close: "M6 6l12 12M18 6 6 18",
  turn: "M19 12a7 7 0 1 1-2.200-5.100M19 4v4h-4",
} as const;

export type SignName = keyof typeof PATHS;

export function Sign({ name, size = 26 }: { name: SignName; size?: number }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
}
