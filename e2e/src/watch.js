// Follows what the video element shows, as a person would notice it: pictures, pauses between them, and steps back.
const video = document.querySelector('video#video');
const watch = window.watch = { pictures: 0, longest: 0, back: 0, sources: [], now: 0 };
let before = null;
let time = 0;
const note = () => {
  if (video.src && watch.sources[watch.sources.length - 1] !== video.src) watch.sources.push(video.src);
};
// A pause counts while it lasts, not only when it is over.
window.watched = () => {
  const now = performance.now();
  return { ...watch, sources: watch.sources.length, longest: Math.max(watch.longest, before === null ? 0 : now - before) };
};
// Whoever asks for this begins to look anew.
window.watchAnew = () => { watch.pictures = 0; watch.longest = 0; watch.back = 0; before = null; };
const next = (now, frame) => {
  note();
  if (before !== null) watch.longest = Math.max(watch.longest, performance.now() - before);
  before = performance.now();
  if (frame.mediaTime < time && watch.sources.length === watch.seen) watch.back += 1;
  watch.seen = watch.sources.length;
  time = frame.mediaTime;
  watch.pictures += 1;
  video.requestVideoFrameCallback(next);
};
video.requestVideoFrameCallback(next);
