// What esbuild makes mpegts.cjs of.
export { default as TSDemuxer } from './node_modules/mpegts.js/src/demux/ts-demuxer';
export { default as MP4Remuxer } from './node_modules/mpegts.js/src/remux/mp4-remuxer';
export { createDefaultConfig } from './node_modules/mpegts.js/src/config';
export { default as LoggingControl } from './node_modules/mpegts.js/src/utils/logging-control';
