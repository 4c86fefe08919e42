// window.heard(): the strongest tone of what the video element plays now.
const video = document.querySelector('video#video');
video.muted = false;
const context = new AudioContext();
const ear = new AnalyserNode(context, { fftSize: 16384, smoothingTimeConstant: 0 });
context.createMediaElementSource(video).connect(ear).connect(context.destination);
context.resume();
window.heard = () => {
  const bins = new Float32Array(ear.frequencyBinCount);
  ear.getFloatFrequencyData(bins);
  const strongest = bins.reduce((best, level, bin) => level > bins[best] ? bin : best, 0);
  const level = Number.isFinite(bins[strongest]) ? bins[strongest] : -999;
  return { frequency: strongest * context.sampleRate / ear.fftSize, level };
};
