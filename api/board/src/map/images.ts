/** Marks of the map, drawn on a canvas: no sprite is fetched. Signed-distance-like masks take their colour from the layer. */
import type { Map as MapLibre } from "maplibre-gl";
import type { Palette } from "./palette";

const RATIO = 2;

type Draw = (pen: CanvasRenderingContext2D, size: number) => void;

function image(size: number, draw: Draw): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size * RATIO;
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.scale(RATIO, RATIO);
  pen.lineJoin = pen.lineCap = "round";
  draw(pen, size);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

/** An arrowhead that points north, with an edge against what lies beneath. */
const arrow = (fill: string, edge: string): Draw => (pen, size) => {
  const c = size / 2;
  pen.beginPath();
  pen.moveTo(c, 2.5);
  pen.lineTo(size - 5, size - 4.5);
  pen.lineTo(c, size - 8);
  pen.lineTo(5, size - 4.5);
  pen.closePath();
  pen.lineWidth = 3.5;
  pen.strokeStyle = edge;
  pen.stroke();
  pen.fillStyle = fill;
  pen.fill();
};

const disc = (fill: string, edge: string, radius: number): Draw => (pen, size) => {
  pen.beginPath();
  pen.arc(size / 2, size / 2, radius, 0, 7);
  pen.lineWidth = 3.5;
  pen.strokeStyle = edge;
  pen.stroke();
  pen.fillStyle = fill;
  pen.fill();
};

const diamond = (fill: string, edge: string): Draw => (pen, size) => {
  const c = size / 2;
  pen.beginPath();
  pen.moveTo(c, 2);
  pen.lineTo(size - 2, c);
  pen.lineTo(c, size - 2);
  pen.lineTo(2, c);
  pen.closePath();
  pen.lineWidth = 2;
  pen.strokeStyle = edge;
  pen.fillStyle = fill;
  pen.fill();
  pen.stroke();
};

const square = (fill: string, edge: string, letter: string): Draw => (pen, size) => {
  pen.beginPath();
  pen.roundRect(1.5, 1.5, size - 3, size - 3, 4);
  pen.fillStyle = fill;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = edge;
  pen.stroke();
  pen.fillStyle = edge;
  pen.font = `600 ${size * 0.55}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(letter, size / 2, size / 2 + 0.5);
};

const PLACES: Record<string, string> = { depot: "P", tip: "T", fuel: "F", water: "W", rest: "R", station: "S" };

/** Put all marks on the map, in place of those of another palette. */
export function addImages(map: MapLibre, colours: Palette): void {
  const put = (name: string, size: number, draw: Draw): void => {
    if (map.hasImage(name)) map.removeImage(name);
    map.addImage(name, image(size, draw), { pixelRatio: RATIO });
  };
  for (const [state, colour] of Object.entries(colours.states)) {
    put(`vehicle-${state}`, 24, arrow(colour, colours.halo));
    put(`vehicle-${state}-still`, 20, disc(colour, colours.halo, 5.5));
  }
  put("toilet", 16, diamond(colours.toilet, colours.halo));
  for (const [role, letter] of Object.entries(PLACES)) put(`place-${role}`, 18, square(colours.place, colours.ground, letter));
}
