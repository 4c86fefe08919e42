// Runs before the page's own code: notes when things happen for the first time, in milliseconds since navigation.
const times = window.firstTimes = {};
const note = (name) => { times[name] ??= performance.now(); };
// A message stands under its name, or is its name.
const parts = (message) => typeof message === 'string' ? [message, {}] : Object.entries(message)[0];
const noteEvent = (event) => {
  const [name, body] = parts(event);
  note(name === 'helper' ? JSON.parse(body.text).type : body?.track ? `${name}_${body.track}` : name);
};
const BrowserWorker = window.Worker;
window.Worker = class extends BrowserWorker {
  constructor(...rest) {
    super(...rest);
    note('worker');
    this.addEventListener('message', ({ data }) => {
      JSON.parse(data[0]).forEach(noteEvent);
    });
  }
  postMessage(message, ...rest) {
    if (typeof message === 'string') note(`ask_${parts(JSON.parse(message))[0]}`);
    super.postMessage(message, ...rest);
  }
};
const { appendBuffer } = SourceBuffer.prototype;
SourceBuffer.prototype.appendBuffer = function (...rest) { note('append'); return appendBuffer.apply(this, rest); };
document.addEventListener('DOMContentLoaded', () => {
  note('document');
  const video = document.querySelector('video');
  for (const event of ['loadedmetadata', 'loadeddata', 'canplay', 'playing', 'seeking', 'seeked']) {
    video.addEventListener(event, () => note(event));
  }
  const shown = (now, frame) => {
    times.frame ??= now;
    times.frames = frame.presentedFrames;
    // A picture stands as soon as it is decoded; it plays when a second one follows.
    if (frame.presentedFrames >= 2 && !times.second_frame) {
      const [loaded] = performance.getEntriesByType('navigation');
      for (const step of ['requestStart', 'responseEnd', 'domInteractive']) times[step] = loaded[step];
      for (const { name, responseEnd } of performance.getEntriesByType('resource')) {
        times[new URL(name).pathname.replace(/-[0-9a-f]{16}/, '')] = responseEnd;
      }
      note('second_frame');
    }
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
});
