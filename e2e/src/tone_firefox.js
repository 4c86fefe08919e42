// window.heard(): the strongest tone of what the video element plays now. An AudioContext stands still in a Firefox
// without an audio device, as on servers. So the sound is recorded and analysed afterwards, which needs none.
const video = document.querySelector('video#video');
video.muted = false;
const RATE = 48000;
window.heard = async () => {
  const recorder = new MediaRecorder(new MediaStream(video.mozCaptureStream().getAudioTracks()));
  const parts = [];
  const over = new Promise((done, failed) => {
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = done;
    recorder.onerror = event => failed(event.error);
  });
  recorder.start();
  await new Promise(done => setTimeout(done, 800));
  recorder.stop();
  await over;
  const recorded = await new Blob(parts).arrayBuffer();
  const sound = await new OfflineAudioContext(1, RATE, RATE).decodeAudioData(recorded);
  const context = new OfflineAudioContext(1, sound.length, RATE);
  const ear = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  source.connect(ear).connect(context.destination);
  source.start();
  await context.startRendering();
  const bins = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(bins);
  const strongest = bins.reduce((best, level, bin) => level > bins[best] ? bin : best, 0);
  const level = Number.isFinite(bins[strongest]) ? bins[strongest] : -999;
  return { frequency: strongest * RATE / ear.fftSize, level };
};
