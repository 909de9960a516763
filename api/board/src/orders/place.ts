/** From the map back to the earth. */

/** The WGS-84 position that a map draws there: over tiles of another datum, the map draws everything moved. */
export function unplaced(place: (lon: number, lat: number) => [number, number], lon: number, lat: number): { lat: number; lon: number } {
  let [x, y] = [lon, lat];
  for (let turn = 0; turn < 4; turn++) {
    const [drawnLon, drawnLat] = place(x, y);
    [x, y] = [x + lon - drawnLon, y + lat - drawnLat];
  }
  return { lat: Number(y.toFixed(6)), lon: Number(x.toFixed(6)) };
}
