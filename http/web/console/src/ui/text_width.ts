// How wide a text is in the font of tables, in pixels.
const maxMeasured = 80; // characters; longer ones are cut anyway
let canvas: CanvasRenderingContext2D | null = null;

export function widthOfText(text: string): number {
  if (!canvas) {
    canvas = document.createElement('canvas').getContext('2d')!;
    canvas.font = `550 13.5px ${getComputedStyle(document.body).fontFamily}`; // of a table's first column, the boldest
  }
  return canvas.measureText(text.slice(0, maxMeasured)).width;
}
