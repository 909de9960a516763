/** WGS-84 to GCJ-02, the datum of Chinese base maps: the series of devices/datum.py. Only for display. */

const A = 6378245.0;
const EE = 0.00669342162296594323;
const { PI, sin, cos, sqrt, abs } = Math;

export type Place = (lon: number, lat: number) => [number, number];

export function inChina(lon: number, lat: number): boolean {
  return lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271;
}

export const wgs84ToGcj02: Place = (lon, lat) => {
  if (!inChina(lon, lat)) return [lon, lat];
  const x = lon - 105;
  const y = lat - 35;
  const waves = 20 * sin(6 * x * PI) + 20 * sin(2 * x * PI);
  let dLat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x));
  dLat += ((waves + 20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3;
  dLat += ((160 * sin((y / 12) * PI) + 320 * sin((y * PI) / 30)) * 2) / 3;
  let dLon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x));
  dLon += ((waves + 20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3;
  dLon += ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
  const rad = (lat / 180) * PI;
  const magic = 1 - EE * sin(rad) ** 2;
  dLat = (dLat * 180) / (((A * (1 - EE)) / (magic * sqrt(magic))) * PI);
  dLon = (dLon * 180) / ((A / sqrt(magic)) * cos(rad) * PI);
  return [lon + dLon, lat + dLat];
};

export const unmoved: Place = (lon, lat) => [lon, lat];

/** How positions are moved before they are drawn over tiles of that datum. */
export function placer(datum: string): Place {
  return datum === "gcj02" ? wgs84ToGcj02 : unmoved;
}
