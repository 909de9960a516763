/** The page's signs, as lines on a 24 grid. */
import type { JSX } from "preact";

const PATHS = {
  alerts: "M12 4a5.5 5.5 0 0 0-5.500 5.500c0 5-2 6.500-2 6.500h15s-2-1.500-2-6.500A5.500 5.500 0 0 0 12 4zM10 19.500a2.200 2.200 0 0 0 4 0",
  fleet: "M3 7h11v9H3zM14 10.500h4l3 3V16h-7zM7 18.500a1.800 1.800 0 1 0 0-.1M17 18.500a1.800 1.800 0 1 0 0-.1",
  incidents: "M4 8h3.500L9 5.500h6L16.500 8H20v11H4zM12 16.500a3.300 3.300 0 1 0-.1 0",
  orders: "M6 4.500h12v16H6zM9 3h6v3H9zM9 11h6M9 15h4",
  playback: "M12 4a8 8 0 1 1-7.500 5.200M4 4.500v5h5M12 8v4.500l3 2",
  evaluation: "M4 20V11h4v9M10 20V5h4v15M16 20v-6h4v6",
  reports: "M7 3.500h7l4 4v13H7zM14 3.500v4h4M10 12h5M10 16h5",
  people: "M9 4.500a3.500 3.500 0 1 0 .1 0M3 20c0-4 2.500-6.500 6-6.500s6 2.500 6 6.500M16 5a3 3 0 0 1 0 6M17.500 14c2.200.8 3.500 3 3.500 6",
  hub: "M12 4v3M12 17v3M4 12h3M17 12h3M12 9a3 3 0 1 0 .1 0M6.500 6.500l2 2M15.500 15.500l2 2M6.500 17.500l2-2M15.500 8.500l2-2",
  map: "M9 5 3.500 7v12L9 17l6 2 5.500-2V5L15 7 9 5v12M15 7v12",
  more: "M5 12h.1M12 12h.1M19 12h.1",
  close: "M6 6l12 12M18 6 6 18",
  sun: "M12 8a4 4 0 1 0 .1 0M12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600l1.500 1.500M16.900 16.900l1.500 1.500M5.600 18.400l1.500-1.500M16.900 7.100l1.500-1.500",
  moon: "M19 14.500A8 8 0 0 1 9.500 5a7.500 7.500 0 1 0 9.500 9.500z",
  help: "M9 9.200a3 3 0 1 1 4.200 2.700c-.8.4-1.200 1-1.200 2.100M12 17.500v.1",
  search: "M10.500 5a5.500 5.500 0 1 0 .1 0M15 15l5 5",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  layers: "M12 4 3.500 8.500 12 13l8.500-4.500zM3.500 12.500 12 17l8.500-4.500M3.500 16.500 12 21l8.500-4.500",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  soundOn: "M4 9.500v5h3.500L12 18V6L7.500 9.500zM15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11",
  soundOff: "M4 9.500v5h3.500L12 18V6L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5",
  back: "M14.500 5.500 8 12l6.500 6.500",
  download: "M12 4v11M7.500 11l4.500 4.500 4.500-4.500M5 20h14",
  check: "M5 12.500l4.500 4.500L19 7.500",
  leave: "M10 4.500H5v15h5M14 8l4 4-4 4M18 12H9.500",
  target: "M12 6a6 6 0 1 0 .1 0M12 3v4M12 17v4M3 12h4M17 12h4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  const wide = name === "more" ? 3 : 1.7;
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" fill="none" stroke="currentColor" stroke-width={wide} stroke-linecap="round" stroke-linejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
}
