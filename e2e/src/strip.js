// Reads the strip of black and white cells in every frame that the browser shows: a frame's number, and when.
const video = document.querySelector('video#video');
const CELLS = 16, CELL = 10;
const canvas = document.createElement('canvas');
canvas.width = CELLS * CELL;
canvas.height = CELL;
const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
const record = window.stripRecord = { frames: [], unread: 0, late: 0, stalls: [] };
let shown = false;
video.addEventListener('waiting', () => { if (shown) record.stalls.push(record.frames.length); });

function read() {
  context.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 15, 0, 0, canvas.width, canvas.height);
  const row = context.getImageData(0, CELL / 2, canvas.width, 1).data;
  const level = (cell) => row[4 * (cell * CELL + CELL / 2) + 1];
  const white = level(0), black = level(1);
  if (white - black < 100) return null;
  let number = 0, whites = 0;
  for (let cell = 2; cell < CELLS; cell += 1) {
    const bit = level(cell) > (white + black) / 2 ? 1 : 0;
    whites += bit;
    if (cell < CELLS - 1) number = number * 2 + bit;
  }
  return whites % 2 === 0 ? number : null;
}

function onFrame(now, frame) {
  shown = true;
  const number = read();
  const { frames } = record;
  // A call that comes late draws the frame after its own, which then has a call of its own: that one counts.
  if (number !== null && frames.length > 0 && frames[frames.length - 1].number === number) {
    frames.pop();
    record.late += 1;
  }
  if (number === null) record.unread += 1;
  else frames.push({
    number,
    // Both on the Unix clock, in milliseconds: when this ran, and when the frame is to be on screen.
    called: performance.timeOrigin + performance.now(),
    displayed: performance.timeOrigin + frame.expectedDisplayTime,
    presented: frame.presentedFrames,
  });
  video.requestVideoFrameCallback(onFrame);
}
video.requestVideoFrameCallback(onFrame);
